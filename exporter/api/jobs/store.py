"""Keeps export jobs in a SQLite file, which several processes of one home may share.

Every change of a state is one transaction that looks at the state it leaves, so that of two who
want different things (a worker that ends, a caller who cancels) one is told that it came too late.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired")
# a job that was interrupted this often is likely what interrupts
MOST_ATTEMPTS = 3
# jobs without a file of which an owner is told
_REMEMBERED = 100
# a smaller step of the progress is not worth a write
_NOTED = 0.02
_SCHEMA = """
create table if not exists jobs (
    id text primary key,
    owner text not null,
    idempotency_key text,
    request text not null,
    state text not null,
    progress real not null default 0,
    attempts integer not null default 0,
    worker text,
    result text,
    error text,
    created_at real not null,
    started_at real,
    ended_at real,
    expires_at real,
    unique (owner, idempotency_key)
);
create index if not exists jobs_by_state on jobs (state, created_at);
"""
_BY_KEY = "owner = ? and idempotency_key = ?"
_COLUMNS = (
    "id, owner, request, state, progress, attempts, worker, result, error,"
    " created_at, started_at, ended_at, expires_at"
)


class QueueFullError(Exception):
    """There is no room for another waiting job; `is_own` when the owner's own jobs fill it."""

    def __init__(self, is_own: bool) -> None:
        """Say whose jobs are too many."""
        super().__init__()
        self.is_own = is_own


class OtherRequestError(Exception):
    """The idempotency key was used for another request."""


@dataclass(frozen=True)
class Job:
    """An export job. Moments are seconds since 1970; `request` and `result` are JSON objects."""

    id: str
    owner: str
    request: dict[str, Any]
    state: str
    progress: float
    attempts: int
    worker: str | None
    result: dict[str, Any] | None
    error: str | None
    created_at: float
    started_at: float | None
    ended_at: float | None
    expires_at: float | None


class JobStore:
    """The jobs of a home; safe to use from many threads and processes."""

    def __init__(self, file: Path) -> None:
        """Open the file, making it at first; raises sqlite3.Error where that is not possible."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(
            file, timeout=60, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("pragma journal_mode = wal")
        # a job that was answered for must outlive a power cut
        self._connection.execute("pragma synchronous = full")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def add(
        self, job: Job, idempotency_key: str | None, most_waiting: int, most_own: int
    ) -> tuple[Job, bool]:
        """Queue a job, or give the earlier one of the same key and request; tells which.

        Raises OtherRequestError and QueueFullError.
        """
        with self._change() as connection:
            if idempotency_key is not None:
                earlier = self._select(_BY_KEY, job.owner, idempotency_key)
                if earlier and earlier[0].request != job.request:
                    raise OtherRequestError
                if earlier:
                    return earlier[0], False
            for condition, values, most, is_own in (
                ("owner = ?", (job.owner,), most_own, True),
                ("true", (), most_waiting, False),
            ):
                waiting = connection.execute(
                    f"select count(*) from jobs where state = 'queued' and {condition}",  # noqa: S608
                    values,
                ).fetchone()[0]
                if waiting >= most:
                    raise QueueFullError(is_own)
            connection.execute(
                "insert into jobs (id, owner, idempotency_key, request, state, created_at)"
                " values (?, ?, ?, ?, 'queued', ?)",
                (job.id, job.owner, idempotency_key, _to_text(job.request), job.created_at),
            )
        return job, True

    def find(self, job_id: str) -> Job | None:
        """Look up a job."""
        with self._lock:
            found = self._select("id = ?", job_id)
        return found[0] if found else None

    def find_by_key(self, owner: str, idempotency_key: str) -> Job | None:
        """Look up the job that was ordered with a key."""
        with self._lock:
            found = self._select(_BY_KEY, owner, idempotency_key)
        return found[0] if found else None

    def claim(self, worker: str, now: float, most_own: int) -> Job | None:
        """Give a worker the next job: of the owner with the fewest running, served longest ago.

        `most_own` jobs of one owner run with the worker at once.
        """
        own = "from jobs as own where own.owner = jobs.owner"
        running = f"(select count(*) {own} and state = 'running'"
        with self._change() as connection:
            found = self._select(
                f"state = 'queued' and {running} and worker = ?) < ? order by {running}),"
                f" (select coalesce(max(started_at), 0) {own}), created_at, id limit 1",
                worker,
                most_own,
            )
            if not found:
                return None
            connection.execute(
                "update jobs set state = 'running', worker = ?, started_at = ?, progress = 0,"
                " attempts = attempts + 1 where id = ?",
                (worker, now, found[0].id),
            )
            return self._select("id = ?", found[0].id)[0]

    def report(self, job_id: str, worker: str, progress: float) -> bool:
        """Note a worker's progress; false when the job is no longer its own."""
        job = self.find(job_id)
        if job is None or job.state != "running" or job.worker != worker:
            return False
        # each note is written through to the disk
        if abs(job.progress - progress) >= _NOTED:
            with self._change() as connection:
                connection.execute(
                    "update jobs set progress = ?"
                    " where id = ? and state = 'running' and worker = ?",
                    (progress, job_id, worker),
                )
        return True

    def finish(
        self,
        job_id: str,
        worker: str,
        state: str,
        now: float,
        *,
        result: dict[str, Any] | None = None,
        error: str | None = None,
        expires_at: float | None = None,
    ) -> bool:
        """End a worker's job; false when it is no longer its own."""
        with self._change() as connection:
            changed = connection.execute(
                "update jobs set state = ?, ended_at = ?, result = ?, error = ?, expires_at = ?,"
                " worker = null, progress = case when ? = 'succeeded' then 1 else progress end"
                " where id = ? and state = 'running' and worker = ?",
                (
                    state,
                    now,
                    None if result is None else _to_text(result),
                    error,
                    expires_at,
                    state,
                    job_id,
                    worker,
                ),
            )
            return changed.rowcount == 1

    def cancel(self, job_id: str, now: float) -> Job:
        """Cancel a job that has not ended, expire one that has a file; gives it as it is then."""
        with self._change() as connection:
            connection.execute(
                "update jobs set state = 'cancelled', ended_at = ?, worker = null"
                " where id = ? and state in ('queued', 'running')",
                (now, job_id),
            )
            connection.execute(
                "update jobs set state = 'expired', expires_at = min(?, expires_at)"
                " where id = ? and state = 'succeeded'",
                (now, job_id),
            )
            return self._select("id = ?", job_id)[0]

    def count(self, owner: str | None = None) -> dict[str, int]:
        """Count the jobs of each state: those of an owner, or all."""
        # of all without a look at a row: the index knows
        where, values = ("", ()) if owner is None else (" where owner = ?", (owner,))
        with self._lock:
            found = self._connection.execute(
                f"select state, count(*) from jobs{where} group by state",  # noqa: S608
                values,
            ).fetchall()
        return {**dict.fromkeys(STATES, 0), **dict(found)}

    def count_bytes(self, owner: str) -> tuple[int, int, float | None]:
        """Add up the files that are there: an owner's, and all; tells when one of the own goes."""
        with self._lock:
            found = self._connection.execute(
                "select owner = ?, sum(json_extract(result, '$.bytes')), min(expires_at)"
                " from jobs where state = 'succeeded' group by 1",
                (owner,),
            ).fetchall()
        own, expires_at = next(((row[1], row[2]) for row in found if row[0]), (0, None))
        return own, sum(row[1] for row in found), expires_at

    def list_workers(self) -> set[str]:
        """Name the workers that jobs are running with."""
        with self._lock:
            found = self._connection.execute(
                "select distinct worker from jobs where state = 'running'"
            ).fetchall()
        return {str(row[0]) for row in found}

    def release(
        self, worker: str, now: float, *, is_orderly: bool, job_id: str | None = None
    ) -> None:
        """Queue a worker's running jobs, or one of them, again at their old place.

        Those that were interrupted too often fail; an orderly end does not count.
        """
        with self._change() as connection:
            connection.execute(
                "update jobs set state = 'failed', ended_at = ?, worker = null,"
                " error = 'The job was interrupted ' || attempts || ' times while it was running.'"
                " where state = 'running' and worker = ? and id = coalesce(?, id)"
                " and attempts >= ? and not ?",
                (now, worker, job_id, MOST_ATTEMPTS, is_orderly),
            )
            connection.execute(
                "update jobs set state = 'queued', worker = null, started_at = null, progress = 0,"
                " attempts = attempts - ?"
                " where state = 'running' and worker = ? and id = coalesce(?, id)",
                (int(is_orderly), worker, job_id),
            )

    def expire(self, now: float) -> None:
        """Mark the jobs whose files are past their time."""
        with self._change() as connection:
            connection.execute(
                "update jobs set state = 'expired' where state = 'succeeded' and expires_at <= ?",
                (now,),
            )

    def forget(self, ended_before: float) -> None:
        """Drop what ended long ago, and of each owner's jobs without a file all but the last."""
        with self._change() as connection:
            connection.execute(
                "delete from jobs where id in (select id from (select id, ended_at, row_number()"
                " over (partition by owner order by ended_at desc) as place from jobs"
                " where state in ('failed', 'cancelled', 'expired'))"
                " where ended_at < ? or place > ?)",
                (ended_before, _REMEMBERED),
            )

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def _select(self, condition: str, *values: object) -> list[Job]:
        found = self._connection.execute(
            f"select {_COLUMNS} from jobs where {condition}",  # noqa: S608
            values,
        ).fetchall()
        return [_read(row) for row in found]


def _read(row: tuple[Any, ...]) -> Job:
    values = dict(zip(_COLUMNS.replace(" ", "").split(","), row, strict=True))
    values["request"] = json.loads(values["request"])
    if values["result"] is not None:
        values["result"] = json.loads(values["result"])
    return Job(**values)


def _to_text(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
