"""The workers of export jobs: threads that claim jobs and let a process of its own do each.

Workers of several processes may share a home. Each process holds a lock on a file of its own, by
which the others see when it has ended, however it did.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import secrets
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from exporter.api.job_process import Task
from exporter.api.job_store import Job, JobStore
from exporter.errors import UserError

_FILES = "files"
# seconds between two looks for what a worker of another process left, and for files past their time
_TIDY_EVERY = 5
_LOOK_EVERY = 0.25
# an ended job is told of for a week
_REMEMBER = 7 * 86_400
_MEMORY_LIMIT = "1GB"
_ROOT = Path(__file__).resolve().parents[2]
_log = logging.getLogger("focus_export.api")


@dataclass(frozen=True)
class JobSettings:
    """How many jobs run and wait, and for how many seconds files and links are good."""

    workers: int = 2
    queue: int = 50
    keep: float = 86_400
    link: float = 3_600

    @classmethod
    def from_environment(cls) -> JobSettings:
        """Read AI_FOCUS_JOB_WORKERS, _QUEUE, _KEEP_SECONDS and _LINK_SECONDS."""
        read = {}
        for name in ("workers", "queue", "keep", "link"):
            variable = f"AI_FOCUS_JOB_{name.upper()}"
            if name in ("keep", "link"):
                variable += "_SECONDS"
            text = os.environ.get(variable)
            if not text:
                continue
            if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 10**7:
                raise UserError(f"{variable} is {text!r}: give a whole number from 1 on.")
            read[name] = int(text)
        return cls(**read)


def path_of(folder: Path, job: Job) -> Path:
    """Tell where the file of a job lies in the folder of jobs."""
    return folder / _FILES / f"{job.id}.{job.request['format']}"


class JobWorkers:
    """The workers of one process, and the one who tidies up."""

    def __init__(self, store: JobStore, folder: Path, home: Path, settings: JobSettings) -> None:
        """Prepare the folder; raises OSError where it can't be written to."""
        self._store = store
        self._folder = folder
        self._home = home
        self._settings = settings
        self._worker = secrets.token_hex(8)
        self._is_waiting = threading.Condition()
        self._stops = threading.Event()
        self._threads: list[threading.Thread] = []
        (folder / _FILES).mkdir(exist_ok=True)
        self._lock_file = _hold_lock(self._lock_of(self._worker))

    def start(self) -> None:
        """Start the threads."""
        work = [self._work] * self._settings.workers
        for target in (*work, self._keep_tidy):
            thread = threading.Thread(target=target, name="focus-export job", daemon=True)
            self._threads.append(thread)
            thread.start()

    def wake(self) -> None:
        """Tell that a job was queued."""
        with self._is_waiting:
            self._is_waiting.notify()

    def close(self) -> None:
        """Stop the threads; what they were doing is queued again."""
        self._stops.set()
        with self._is_waiting:
            self._is_waiting.notify_all()
        for thread in self._threads:
            thread.join()
        self._store.release(self._worker, time.time(), is_orderly=True)
        self._lock_of(self._worker).unlink(missing_ok=True)
        self._lock_file.close()

    def _lock_of(self, worker: str) -> Path:
        return self._folder / f".{worker}.lock"

    def _work(self) -> None:
        store = self._store
        while not self._stops.is_set():
            job = None
            try:
                job = store.claim(self._worker, time.time())
                if job is not None:
                    self._run(store, job)
            except Exception:
                _log.exception("the worker failed at the job %s", job.id if job else "-")
                if job is not None:
                    error = "The job failed; the server's log says more."
                    with contextlib.suppress(sqlite3.Error):
                        store.finish(job.id, self._worker, "failed", time.time(), error=error)
            if job is None:
                with self._is_waiting:
                    # another process may have queued one
                    self._is_waiting.wait(1 if not self._stops.is_set() else 0)

    def _run(self, store: JobStore, job: Job) -> None:
        path = path_of(self._folder, job)
        temporary = path.with_name(f".{path.name}.{self._worker}.part")
        request = job.request
        task = Task(
            home=str(self._home),
            path=str(temporary),
            caller=request["caller"],
            dataset=request["dataset"],
            parameters=request["parameters"],
            grain=request["grain"],
            format=request["format"],
        )
        try:
            message = self._wait_for(store, job, task)
            if message is None:
                return
            now = time.time()
            if "result" not in message:
                store.finish(job.id, self._worker, "failed", now, error=message["error"])
                return
            temporary.replace(path)
            is_own = store.finish(
                job.id,
                self._worker,
                "succeeded",
                now,
                result=message["result"],
                expires_at=now + self._settings.keep,
            )
            if not is_own:
                path.unlink(missing_ok=True)
        finally:
            temporary.unlink(missing_ok=True)

    def _wait_for(self, store: JobStore, job: Job, task: Task) -> dict[str, Any] | None:
        """Let a process do the task; gives its last message, None when it was stopped."""
        limit = os.environ.get("AI_FOCUS_MEMORY_LIMIT") or _MEMORY_LIMIT
        process = subprocess.Popen(
            [sys.executable, "-m", "exporter.api.job_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # where the package lies: what lies in the server's own folder is not imported
            cwd=_ROOT,
            env={**os.environ, "AI_FOCUS_MEMORY_LIMIT": limit},
        )
        # the input stays open: the process ends when it is closed
        with process, _Messages(process) as messages:
            assert process.stdin is not None  # noqa: S101
            try:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(task.to_line())
                    process.stdin.flush()
                while messages.is_reading():
                    is_own = store.report(job.id, self._worker, messages.progress)
                    if not is_own or self._stops.is_set():
                        return None
                if messages.last is None:
                    # killed from outside, as by a system without memory
                    code = process.wait()
                    return {"error": f"The process that wrote the file ended with {code}."}
                return messages.last
            finally:
                process.kill()
                # what a killed process did not read is written once more here
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()

    def _keep_tidy(self) -> None:
        store = self._store
        while True:
            try:
                self._tidy(store)
            except Exception:
                _log.exception("the jobs could not be tidied")
            if self._stops.wait(_TIDY_EVERY):
                return

    def _tidy(self, store: JobStore) -> None:
        now = time.time()
        for worker in store.list_workers() - {self._worker}:
            if _is_free(self._lock_of(worker)):
                store.release(worker, now, is_orderly=False)
                self._lock_of(worker).unlink(missing_ok=True)
        store.expire(now)
        store.forget(now - _REMEMBER)
        for file in (self._folder / _FILES).iterdir():
            job_id = file.name.removeprefix(".").partition(".")[0]
            job = store.find(job_id)
            wanted = ("running",) if file.name.startswith(".") else ("running", "succeeded")
            if job is None or job.state not in wanted:
                file.unlink(missing_ok=True)


class _Messages:
    """Reads what the process of a job says, in a thread."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.progress = 0.0
        self.last: dict[str, Any] | None = None
        self._process = process
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> _Messages:
        self._reader.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._reader.join()

    def is_reading(self) -> bool:
        """Wait a moment; false when the process has said its last."""
        self._reader.join(_LOOK_EVERY)
        return self._reader.is_alive()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            if not line.endswith(b"\n"):
                # killed while it spoke
                return
            message = json.loads(line)
            if "progress" in message:
                self.progress = message["progress"]
            else:
                self.last = message


def _hold_lock(file: Path) -> IO[str]:
    """Lock a file for the life of this process: the system frees it however the process ends."""
    stream = file.open("w")
    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return stream


def _is_free(file: Path) -> bool:
    try:
        with file.open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
