"""Export jobs: who may order, see, cancel and download them, and the workers that do them.

A job belongs to the token that ordered it, with the scope that the token had: to everybody else it
is not there. Jobs and files lie in the home's `jobs` folder and outlive the server; one that was
running when a server was stopped or killed starts again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from exporter.api.datasets import API_DATASETS
from exporter.api.jobs.child import describe_caller, read_caller
from exporter.api.jobs.room import check_room
from exporter.api.jobs.store import Job, JobStore, OtherRequestError, QueueFullError
from exporter.api.jobs.workers import JobSettings, JobWorkers, path_of
from exporter.api.page_tokens import is_signed, sign
from exporter.api.parameters import read_safe_csv
from exporter.api.principal import Caller
from exporter.api.problems import Fault, RequestError, invalid
from exporter.api.queries import read_query
from exporter.api.service import Service
from exporter.datasets import DATASETS
from exporter.options import FORMATS

DATASET = "cost-and-usage"
MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "parquet": "application/vnd.apache.parquet",
}
LONGEST_KEY = 255
# seconds to wait before another try when the queue is full
_RETRY_AFTER = 30
_log = logging.getLogger("focus_export.api")


@dataclass(frozen=True)
class Download:
    """A file that a signed link leads to."""

    path: Path
    file_name: str
    media_type: str
    sha256: str
    coverage: dict[str, Any] | None


class Jobs:
    """The jobs of a service's home, and this process' workers; safe to use from many threads."""

    def __init__(
        self,
        service: Service,
        settings: JobSettings | None = None,
        is_good: Callable[[Caller], bool] = lambda _caller: True,
    ) -> None:
        """Open the jobs of the home; workers begin with start().

        `is_good` tells whether a caller's token still is: files of one that isn't are not made and
        not given out.
        """
        self._is_good = is_good
        self._service = service
        self._settings = settings or JobSettings.from_environment()
        self._folder = service.home.path / "jobs"
        self._store: JobStore | None = None
        self._workers: JobWorkers | None = None
        self._failure = ""
        try:
            # what lies here is of several tenants
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            self._store = JobStore(self._folder / "jobs.sqlite")
            self._workers = JobWorkers(
                self._store, self._folder, service.home.path, self._settings, is_good
            )
        except (OSError, sqlite3.Error) as error:
            # lists are answered all the same
            self._failure = f"The folder {self._folder} can't be written to ({error})."
            _log.warning("%s There are no export jobs.", self._failure)

    def start(self) -> None:
        """Start the workers."""
        if self._workers is not None:
            self._workers.start()

    def close(self) -> None:
        """Stop the workers; what they were doing is queued again."""
        if self._workers is not None:
            self._workers.close()
        if self._store is not None:
            self._store.close()

    def submit(
        self,
        caller: Caller,
        parameters: Mapping[str, str],
        idempotency_key: str | None = None,
        *,
        whole: bool = False,
    ) -> tuple[Job, bool]:
        """Order a file; with the same key and parameters it is the earlier job. Tells if it is new.

        Parameters are the filters of the dataset, `dataset`, `focusVersion`, `format`, `grain` and
        `safeCsv`; `whole` takes in the filters that are not public.
        Raises a RequestError for what is not valid, when too many jobs wait, and when the key was
        used for something else.
        """
        store = self._open_store()
        request = self._read_request(caller, parameters, whole)
        if idempotency_key is not None and not 1 <= len(idempotency_key) <= LONGEST_KEY:
            raise invalid("Idempotency-Key", f"write 1 to {LONGEST_KEY} characters")
        self._service.check_ready()
        owner = _owner_of(caller)
        if idempotency_key is None or store.find_by_key(owner, idempotency_key) is None:
            check_room(store, self._folder, owner, self._settings.owner_bytes)
        job = Job(
            id=secrets.token_urlsafe(18),
            owner=owner,
            request=request,
            state="queued",
            progress=0,
            attempts=0,
            worker=None,
            result=None,
            error=None,
            created_at=time.time(),
            started_at=None,
            ended_at=None,
            expires_at=None,
        )
        most = self._settings.queue
        try:
            # one caller leaves room for others
            job, is_new = store.add(job, idempotency_key, most, max(1, (most + 1) // 2))
        except OtherRequestError:
            fault = Fault("Idempotency-Key", "was used for another request")
            raise RequestError(
                "conflict", "The Idempotency-Key was used for another request.", (fault,)
            ) from None
        except QueueFullError as error:
            whose = "of your jobs" if error.is_own else "jobs"
            raise RequestError(
                "too-many-requests",
                f"Too many {whose} are waiting already: try again in {_RETRY_AFTER} s.",
                retry_after=_RETRY_AFTER,
            ) from None
        if self._workers is not None:
            self._workers.wake()
        return job, is_new

    def find(self, caller: Caller, job_id: str) -> Job:
        """Look up a caller's own job; raises a RequestError for any other."""
        job = self._open_store().find(job_id)
        if job is None or not hmac.compare_digest(job.owner, _owner_of(caller)):
            raise RequestError(
                "not-found", "jobId: there is no such job.", (Fault("jobId", "is unknown"),)
            )
        return job

    def cancel(self, caller: Caller, job_id: str) -> Job:
        """Cancel a caller's own job, or remove its file; without either it is a conflict."""
        job = self.find(caller, job_id)
        is_over = _state_of(job) in ("failed", "expired")
        job = self._open_store().cancel(job.id, time.time())
        if is_over or job.state == "failed":
            raise RequestError("conflict", f"The job has ended already: it is {_state_of(job)}.")
        path_of(self._folder, job).unlink(missing_ok=True)
        return job

    def describe(self, job: Job, base_url: str | None = None) -> dict[str, Any]:
        """Lay out a job as JSON values; `base_url` ends in a slash, None gives a link to the file.

        The link is signed anew each time.
        """
        request = job.request
        state = _state_of(job)
        parameters = dict(request["parameters"])
        version = parameters.pop("focusVersion")
        described = {
            "jobId": job.id,
            "state": state,
            "progress": round(job.progress, 3),
            "dataset": request["dataset"],
            "focusVersion": version,
            "format": request["format"],
            "grain": request["grain"],
            "filters": parameters,
            "createdAt": _moment(job.created_at),
            "startedAt": _moment(job.started_at),
            "endedAt": _moment(job.ended_at),
            "expiresAt": _moment(job.expires_at),
            "error": job.error,
            "file": None,
        }
        if state == "succeeded" and job.result is not None and job.expires_at is not None:
            expires = min(int(time.time() + self._settings.link), int(job.expires_at))
            described["file"] = {
                "name": _file_name(job),
                "mediaType": MEDIA_TYPES[request["format"]],
                "url": path_of(self._folder, job).as_uri()
                if base_url is None
                else base_url + self._sign_link(job, expires),
                "urlExpiresAt": _moment(job.expires_at if base_url is None else expires),
                **job.result,
            }
        return described

    def count(self, caller: Caller | None = None) -> dict[str, int]:
        """Count the jobs of each state: a caller's own, or all."""
        owner = None if caller is None else _owner_of(caller)
        return self._store.count(owner) if self._store else {}

    def open_download(self, job_id: str, name: str, expires: str, signature: str) -> Download:
        """Follow a signed link; raises a RequestError when it was altered or is past its time."""
        content = "\n".join((job_id, name, expires))
        if not is_signed(self._service.secret, "download", content, signature):
            raise RequestError("forbidden", "The link was not given out by this server.")
        gone = RequestError("gone", "The link has expired: ask for the job's status again.")
        if int(expires) <= time.time():
            raise gone
        job = self._open_store().find(job_id)
        if job is None or _state_of(job) != "succeeded" or job.result is None:
            raise gone
        if not self._is_good(read_caller(job.request["caller"])):
            raise RequestError("forbidden", "The token that ordered the file is no longer good.")
        path = path_of(self._folder, job)
        if not path.is_file():
            raise gone
        media_type = MEDIA_TYPES[job.request["format"]]
        return Download(path, name, media_type, job.result["sha256"], job.result.get("coverage"))

    def _read_request(
        self, caller: Caller, parameters: Mapping[str, str], whole: bool
    ) -> dict[str, Any]:
        filters = dict(parameters)
        dataset = filters.pop("dataset", DATASET)
        fmt = filters.pop("format", "csv")
        grain = filters.pop("grain", "call")
        safe_csv = read_safe_csv(filters.pop("safeCsv", None), fmt)
        if dataset not in API_DATASETS:
            raise invalid("dataset", f"choose one of {', '.join(API_DATASETS)}")
        if fmt not in FORMATS:
            raise invalid("format", f"choose one of {', '.join(FORMATS)}")
        grains = DATASETS[dataset].relations
        if grain not in grains:
            raise invalid("grain", f"choose one of {', '.join(grains)} for {dataset}")
        known = [it.name for it in API_DATASETS[dataset].parameters if it.public or whole]
        allowed = [*known, "focusVersion", "dataset", "format", "grain", "safeCsv"]
        faults = tuple(
            Fault(name[:64], f"is no parameter here; there are: {', '.join(allowed)}")
            for name in filters
            if name not in allowed
        )
        if faults:
            detail = "; ".join(f"{fault.parameter} {fault.detail}" for fault in faults[:5])
            raise RequestError("invalid-parameter", f"{detail}.", faults[:20])
        query = read_query(caller, dataset, filters, grain)
        return {
            "caller": describe_caller(caller),
            "dataset": dataset,
            "parameters": {**filters, "focusVersion": query.selection.focus_version},
            "grain": grain,
            "format": fmt,
            # an order without it is the one that it always was
            **({} if safe_csv is None else {"safe_csv": safe_csv}),
        }

    def _open_store(self) -> JobStore:
        if self._store is None:
            raise RequestError("unavailable", f"There are no export jobs here: {self._failure}")
        return self._store

    def _sign_link(self, job: Job, expires: int) -> str:
        name = _file_name(job)
        content = "\n".join((job.id, name, str(expires)))
        signature = sign(self._service.secret, "download", content)
        query = urlencode({"expires": expires, "signature": signature})
        return f"downloads/{quote(job.id)}/{quote(name)}?{query}"


def _owner_of(caller: Caller) -> str:
    # a token whose scope was changed does not reach what it ordered before
    described = {**describe_caller(caller), "name": None}
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def _state_of(job: Job) -> str:
    # the file may lie there a little longer
    is_over = job.expires_at is not None and job.expires_at <= time.time()
    return "expired" if job.state == "succeeded" and is_over else job.state


def _file_name(job: Job) -> str:
    stem = DATASETS[job.request["dataset"]].file_stem(job.request["grain"])
    month = job.request["parameters"].get("billingPeriod")
    booked = f"_booked_{month}" if month else ""
    return f"{stem}{booked}.{job.request['format']}"


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat().replace("+00:00", "Z")
