"""A billing month in a receiver's folder: its paths, and what lies beside its rows."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from exporter.extract.formats import Column
from exporter.extract.load_scripts import Load, write_script
from exporter.extract.receivers import Receiver

# the version of CloudZero's folders that its reference describes
_CLOUDZERO_VERSION = "1.3.0"


@dataclass(frozen=True)
class BillingMonth:
    """A billing month, with the currency where each has a folder, and the paths in it."""

    receiver: Receiver
    start: datetime
    currency: str | None
    built_at: datetime

    @property
    def folder(self) -> str:
        """The month's folder under the receiver's."""
        return self._path(self.receiver.month_layout)

    def file(self, part: int) -> str:
        """Give the path of a file of rows under the receiver's folder."""
        return self._path(self.receiver.layout, part)

    @property
    def end(self) -> datetime:
        """The first instant after the month."""
        return self.start.replace(
            year=self.start.year + self.start.month // 12, month=self.start.month % 12 + 1
        )

    @property
    def drop(self) -> str:
        """The moment of the build as a name."""
        return f"{self.built_at:%Y%m%dT%H%M%SZ}"

    def _path(self, layout: str, part: int = 1) -> str:
        return layout.format(
            vendor=self.receiver.vendor,
            prefix=self.receiver.prefix,
            currency=self.currency,
            period=f"{self.start:%Y%m%d}-{self.end:%Y%m%d}",
            month=f"{self.start:%Y-%m}",
            drop=self.drop,
            epoch=int(self.built_at.timestamp()),
            part=f"{part:04}",
        )


def find_months(receiver: Receiver, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Give the first days, and currencies, of the months whose folders are there."""
    shapes = {
        "vendor": re.escape(receiver.vendor),
        "prefix": re.escape(receiver.prefix),
        "currency": "(?P<currency>[A-Z]{3})",
        "period": r"(?P<start>\d{8})-\d{8}",
        "month": r"(?P<start>\d{4}-\d{2})",
    }
    layout = receiver.month_layout
    pattern = re.compile(
        "".join(
            re.escape(text) + (shapes[place] if place else "")
            for text, place, _, _ in string.Formatter().parse(layout)
        )
    )
    for path in folder.glob("/".join("*" for _ in layout.split("/"))):
        match = pattern.fullmatch(path.relative_to(folder).as_posix())
        if match and path.is_dir():
            start = match["start"].replace("-", "")
            yield f"{start[:4]}-{start[4:6]}-01", match.groupdict().get("currency")


def write_beside(
    root: Path, month: BillingMonth, columns: Sequence[Column], files: Sequence[str]
) -> None:
    """Write what the receiver reads beside the rows: its manifest, or a script that loads them."""
    receiver, kind = month.receiver, month.receiver.manifest
    first = root / files[0]
    if kind == "cloudability":
        is_csv = receiver.format == "csv"
        content = {
            "compression": (receiver.compress or "none" if is_csv else "zstd").upper(),
            "content_type": "CSV" if is_csv else "Parquet",
            "report_id": str(uuid5(NAMESPACE_URL, f"{month.folder}/{month.drop}")),
            "root_dir": receiver.root,
            "all_report_keys": list(files),
            "updated_at": f"{month.built_at:%Y-%m-%dT%H:%M:%SZ}",
            "focus_version": receiver.version,
        }
        _write_json(first.with_name(f"{receiver.prefix}-Manifest.json"), content)
    elif kind == "cloudzero":
        content = {"version": _CLOUDZERO_VERSION, "current_drop_id": month.drop}
        _write_json(root / month.folder / "manifest.json", content)
    elif kind is not None:
        loads = (
            Load(receiver.table, columns, month.start, f"{receiver.location}/{file}")
            for file in files
        )
        script = "\n".join(write_script(kind, load) for load in loads)
        file = root / month.folder / f"load-{month.start:%Y-%m}.sql"
        file.write_text(script, encoding="utf-8", newline="\n")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
