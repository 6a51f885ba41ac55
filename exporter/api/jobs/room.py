"""How much room the files of export jobs may take: an owner's, and all together."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from exporter.api.jobs.store import JobStore
from exporter.api.problems import RequestError, no_space


def check_room(store: JobStore, folder: Path, owner: str, most: int, writing: int = 0) -> None:
    """Raise a RequestError where there is no room for one more file of an owner.

    An owner has `most` bytes; all together have half of what is free on the disk and what they
    take. `writing` are the bytes that are there of the file.
    """
    own, every, expires_at = store.count_bytes(owner)
    if own + writing >= most:
        wait = max(1, int((expires_at or 0) - time.time()))
        raise RequestError(
            "too-many-requests",
            f"Your files take {own + writing} of the {most} bytes that they may take: "
            "delete a job (DELETE) or wait until one expires.",
            retry_after=wait,
        )
    if every + writing >= shutil.disk_usage(folder).free:
        raise no_space()
