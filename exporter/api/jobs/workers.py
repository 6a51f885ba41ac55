"""The workers of export jobs: threads that claim jobs and let a process of its own do each.

Workers of several processes may share a home. Each process holds a lock on a file of its own, by
which the others see when it has ended, however it did.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from exporter.api.jobs.child import Task, read_caller
from exporter.api.jobs.room import check_room
from exporter.api.jobs.store import Job, JobStore
from exporter.api.principal import Caller
from exporter.api.problems import RequestError, read_failure
from exporter.api.settings import read_number
from exporter.children import Child
from exporter.locks import HeldError, lock

_FILES = "files"
_LOCK = ".lock"
# seconds between two looks for what a worker of another process left, and for files past their time
_TIDY_EVERY = 5
# seconds between two looks whether a running job is still wanted
_LOOK_EVERY = 0.25
# an ended job is told of for a week
_REMEMBER = 7 * 86_400
_MEMORY_LIMIT = "1GB"
# what ends a process that has not come so far as to leave signals to its parent
_POLITE = (-signal.SIGTERM, -signal.SIGINT)
_FAILED = "The job failed; the server's log says more."
_log = logging.getLogger("focus_export.api")


@dataclass(frozen=True)
class JobSettings:
    """How many jobs run and wait, for how many seconds files, links and running jobs last.

    The files of one owner take `owner_bytes` at most.
    """

    workers: int = 2
    queue: int = 50
    keep: float = 86_400
    link: float = 3_600
    limit: float = 14_400
    owner_bytes: int = 20 * 10**9

    @classmethod
    def from_environment(cls) -> JobSettings:
        """Read the variables that begin with AI_FOCUS_JOB_; raises UserError for no number."""
        read = {
            name: read_number(f"AI_FOCUS_JOB_{name.upper()}{unit}", getattr(cls, name), most)
            for names, unit, most in (
                (("workers", "queue"), "", 10**7),
                (("keep", "link", "limit"), "_SECONDS", 10**7),
                (("owner_bytes",), "", 10**15),
            )
            for name in names
        }
        return cls(**read)


def path_of(folder: Path, job: Job) -> Path:
    """Tell where the file of a job lies in the folder of jobs."""
    return folder / _FILES / f"{job.id}.{job.request['format']}"


@dataclass
class _Run:
    """A job that runs, and how far it is: a share from 0 to 1."""

    job: Job
    child: Child
    progress: float = 0.0
    started: float = field(default_factory=time.monotonic)
    # why it may not go on, for whoever ordered it
    refusal: str | None = None


class JobWorkers:
    """The workers of one process, and the one who tidies up."""

    def __init__(
        self,
        store: JobStore,
        folder: Path,
        home: Path,
        settings: JobSettings,
        is_good: Callable[[Caller], bool],
    ) -> None:
        """Prepare the folder; raises OSError where it can't be written to.

        `is_good` tells whether the token of whoever ordered a job still is.
        """
        self._is_good = is_good
        self._store = store
        self._folder = folder
        self._home = home
        self._settings = settings
        self._worker = secrets.token_hex(8)
        self._is_waiting = threading.Condition()
        self._stops = threading.Event()
        self._threads: list[threading.Thread] = []
        self._runs: dict[str, _Run] = {}
        (folder / _FILES).mkdir(exist_ok=True)
        # by which other processes see that this one lives
        self._life = contextlib.ExitStack()
        self._life.enter_context(lock(self._lock_of(self._worker), wait=5))

    def start(self) -> None:
        """Start the threads."""
        work = [self._work] * self._settings.workers
        for target in (*work, self._watch, self._keep_tidy):
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
        for run in list(self._runs.values()):
            run.child.stop(0)
        for thread in self._threads:
            thread.join()
        self._store.release(self._worker, time.time(), is_orderly=True)
        self._life.close()
        self._lock_of(self._worker).unlink(missing_ok=True)

    def _lock_of(self, worker: str) -> Path:
        return self._folder / f".{worker}{_LOCK}"

    def _work(self) -> None:
        store = self._store
        while not self._stops.is_set():
            job = None
            try:
                # one owner leaves a worker to others
                most_own = max(1, self._settings.workers - 1)
                job = store.claim(self._worker, time.time(), most_own)
                if job is not None:
                    self._run(store, job)
            except Exception as failure:
                _log.exception("the worker failed at the job %s", job.id if job else "-")
                if job is not None:
                    problem = read_failure(failure)
                    error = problem.detail if problem else _FAILED
                    with contextlib.suppress(sqlite3.Error):
                        store.finish(job.id, self._worker, "failed", time.time(), error=error)
            if job is None:
                with self._is_waiting:
                    # another process may have queued one
                    self._is_waiting.wait(1 if not self._stops.is_set() else 0)

    def _run(self, store: JobStore, job: Job) -> None:
        path = path_of(self._folder, job)
        temporary = self._part_of(job)
        request = job.request
        refusal = self._refuse(job, 0)
        if refusal is not None:
            store.finish(job.id, self._worker, "failed", time.time(), error=refusal)
            return
        task = Task(
            home=str(self._home),
            path=str(temporary),
            caller=request["caller"],
            dataset=request["dataset"],
            parameters=request["parameters"],
            grain=request["grain"],
            format=request["format"],
            safe_csv=request.get("safe_csv"),
        )
        try:
            last, code = self._wait_for(job, task)
            now = time.time()
            if last is None:
                # stopped with the server, cancelled, or killed from outside, as by a system without
                # memory; what was cancelled meanwhile is no longer the worker's
                is_orderly = self._stops.is_set() or code in _POLITE
                store.release(self._worker, now, is_orderly=is_orderly, job_id=job.id)
                return
            if last["event"] == "failed":
                store.finish(job.id, self._worker, "failed", now, error=last["error"])
                return
            temporary.replace(path)
            is_own = store.finish(
                job.id,
                self._worker,
                "succeeded",
                now,
                result=last["result"],
                expires_at=now + self._settings.keep,
            )
            if not is_own:
                path.unlink(missing_ok=True)
        finally:
            temporary.unlink(missing_ok=True)

    def _wait_for(self, job: Job, task: Task) -> tuple[dict[str, Any] | None, int | None]:
        """Let a process do the task; gives its last event, None without one, and its exit code."""
        limit = os.environ.get("AI_FOCUS_MEMORY_LIMIT") or _MEMORY_LIMIT
        environment = {**os.environ, "AI_FOCUS_MEMORY_LIMIT": limit}
        child = Child("exporter.api.jobs.child", asdict(task), environment)
        run = self._runs[job.id] = _Run(job, child)
        if self._stops.is_set():
            # close() may have looked before the run was there
            child.stop(0)
        last = None
        try:
            for event in child.events():
                if event["event"] == "progress":
                    run.progress = event["share"]
                else:
                    last = event
        finally:
            del self._runs[job.id]
            child.stop(0)
        if run.refusal is not None:
            last = {"event": "failed", "error": run.refusal}
        return last, child.code

    def _refuse(self, job: Job, seconds: float) -> str | None:
        if not self._is_good(read_caller(job.request["caller"])):
            return "The token that ordered the file is no longer good, or has another scope."
        if seconds > self._settings.limit:
            limit = int(self._settings.limit)
            return f"The job took longer than {limit} s, the most that one may take here."
        part = self._part_of(job)
        writing = part.stat().st_size if part.exists() else 0
        try:
            check_room(self._store, self._folder, job.owner, self._settings.owner_bytes, writing)
        except RequestError as error:
            return error.detail
        return None

    def _part_of(self, job: Job) -> Path:
        path = path_of(self._folder, job)
        return path.with_name(f".{path.name}.{self._worker}.part")

    def _watch(self) -> None:
        """Note how far the jobs are, and stop those that nobody wants any more."""
        while not self._stops.wait(_LOOK_EVERY):
            try:
                self._stop_unwanted()
            except Exception:
                _log.exception("the running jobs could not be looked at")

    def _stop_unwanted(self) -> None:
        for run in list(self._runs.values()):
            run.refusal = self._refuse(run.job, time.monotonic() - run.started)
            is_own = self._store.report(run.job.id, self._worker, run.progress)
            if run.refusal is not None or not is_own:
                run.child.stop(0)

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
        locks = {file.name[1 : -len(_LOCK)] for file in self._folder.glob(f".*{_LOCK}")}
        for worker in (locks | store.list_workers()) - {self._worker}:
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


def _is_free(file: Path) -> bool:
    try:
        with lock(file):
            return True
    except (HeldError, OSError):
        return False
