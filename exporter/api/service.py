"""The one service behind REST and MCP: what is read, by whom, from which build.

It knows neither HTTP nor MCP. Parameters come in as text by their public names; whatever can't be
answered is raised as a `RequestError`. Every method may be called from many threads at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from exporter.api.cache import Kept
from exporter.api.datasets import API_DATASETS, DEFAULT_VERSION, TAG, ApiDataset
from exporter.api.open_builds import Build, Builds
from exporter.api.page_tokens import (
    LIFETIME,
    PageToken,
    read_page_token,
    read_secret,
    write_page_token,
)
from exporter.api.parameters import (
    PAGE_SIZE,
    check_length,
    read_count,
    read_flag,
    read_moment,
    read_names,
    read_page_size,
    read_version,
)
from exporter.api.principal import Caller
from exporter.api.problems import Fault, RequestError, invalid
from exporter.duck import wait_for_memory
from exporter.errors import UserError
from exporter.extract import metadata
from exporter.extract.manifest import describe_coverage
from exporter.extract.pages import (
    Dimension,
    Group,
    Measure,
    PagedExtract,
    Part,
    Total,
    read_usage_coverage,
)
from exporter.extract.writer import Coverage, Selection, Term, choose
from exporter.focus import schemas
from exporter.home import Home
from exporter.project import load_project

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
}
_PAGING = ("pageSize", "pageToken")
_GROUPING = ("groupBy", "limit")
_OTHERS = ("focusVersion", "compact", *_PAGING)
# totals of so many filters are kept, with so many marks in all (some 100 bytes each)
_KEPT_SUMMARIES = 256
_KEPT_MARKS = 400_000
# who reads at once: one takes some 70 MB, and all together have what the builds allow
_READERS = 2
# sums by dimensions of so many filters are kept, with so many groups in all (some 3 kB each)
_KEPT_BREAKDOWNS = 256
_KEPT_GROUPS = 20_000
# groups of one answer
MOST_GROUPS = 1_000


@dataclass(frozen=True)
class Query:
    """A checked request for rows: a selection with the caller's scope in it, and what was asked.

    `filters` are the parameters as they were given. `calls` are the terms of the coverage: column
    of ai_calls, operator, values; None where the dataset has no coverage. `counted_by` names the
    parameters that the coverage goes by.
    """

    dataset: ApiDataset
    selection: Selection
    filters: tuple[tuple[str, str], ...]
    calls: tuple[tuple[str, str, tuple[str, ...]], ...] | None
    counted_by: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """A whole selection of one build: totals and coverage, without a row."""

    measure: Measure
    coverage: Coverage | None


@dataclass(frozen=True)
class Answer:
    """What every answer about a selection tells of itself, whatever it gives of the rows."""

    query: Query
    build_id: str | None
    finished_at: str | None
    summary: Summary

    def _describe(self, **own: Any) -> dict[str, Any]:
        return {
            "dataset": self.query.dataset.name,
            "focusVersion": self.query.selection.focus_version,
            "build": {"id": self.build_id, "finishedAt": self.finished_at},
            "filters": dict(self.query.filters),
            **own,
            "totals": describe_totals(self.summary.measure),
            "coverage": describe_page_coverage(self.query, self.summary.coverage),
        }


@dataclass(frozen=True)
class Page(Answer):
    """One page of a list. `lines` are the rows as JSON texts, each exactly as in an extract.

    `omitted` are the columns left out, since no row of any page has a value there; None where all
    columns were asked for.
    """

    page_size: int
    lines: list[str]
    next_page_token: str | None
    omitted: tuple[str, ...] | None

    def describe(self) -> dict[str, Any]:
        """Lay out everything but the rows, as JSON values."""
        omitted = {} if self.omitted is None else {"omittedColumns": list(self.omitted)}
        paging = {"pageSize": self.page_size, "nextPageToken": self.next_page_token}
        return self._describe(**paging, **omitted)


@dataclass(frozen=True)
class Breakdown(Answer):
    """Sums by dimensions, with the whole they are parts of; `is_truncated` when there were more."""

    dimensions: tuple[str, ...]
    groups: list[Group]
    is_truncated: bool

    def describe(self) -> dict[str, Any]:
        """Lay it out as JSON values."""
        return {
            **self._describe(groupBy=list(self.dimensions)),
            "groups": [
                {
                    "keys": group.keys,
                    "names": group.labels,
                    **_describe_total(group.total, group.categories),
                }
                for group in self.groups
            ],
            "truncated": self.is_truncated,
        }


@dataclass(frozen=True)
class Stream:
    """A file that is made while `chunks` is read; `close()` must follow, whatever was read."""

    file_name: str
    media_type: str
    chunks: Iterator[bytes]
    _stack: ExitStack = field(repr=False)

    def close(self) -> None:
        """Remove what was made for the file and let go of its build."""
        self._stack.close()


class Service:
    """Answers what callers ask of a home's builds."""

    def __init__(self, home: Home, *, is_locked: bool = True) -> None:
        """Serve a home; a build need not be there yet. `is_locked` is as in Builds."""
        self.home = home
        self.builds = Builds(home, is_locked=is_locked)
        self.secret = read_secret(home.path)
        self._project = load_project()
        self._summaries = Kept[Summary](
            _KEPT_SUMMARIES, _KEPT_MARKS, lambda summary: len(summary.measure.moments)
        )
        self._groups = Kept[list[Group]](_KEPT_BREAKDOWNS, _KEPT_GROUPS, len)
        self._empty = Kept[tuple[str, ...]](_KEPT_SUMMARIES, _KEPT_GROUPS, len)
        self._turns = threading.BoundedSemaphore(_READERS)
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the builds; call it when nothing is read any more."""
        self.builds.close()

    def check_ready(self) -> str | None:
        """Name the published build. Raises a RequestError when there is none to read."""
        with self.builds.current() as build:
            return build.build_id

    def finished_at(self) -> str | None:
        """Give the moment (UTC text) at which the published build was finished, where known."""
        try:
            with self.builds.current() as build:
                return build.finished_at
        except RequestError:
            return None

    def read_query(
        self, caller: Caller, dataset: str, parameters: Mapping[str, str], grain: str = "call"
    ) -> Query:
        """Check filters (and `focusVersion`, `compact`) and put the caller's scope to them.

        `pageSize` and `pageToken` are not looked at; any other name is a RequestError. Jobs
        keep what was given and read it again here, so that a scope that changed meanwhile holds.
        """
        entry = _find(dataset)
        caller.check_dataset(entry.name)
        known = {parameter.name: parameter for parameter in entry.parameters}
        faults = [
            Fault(name, f"is no parameter here: choose from {', '.join(_names(entry))}")
            for name in parameters
            if name not in known and name not in _OTHERS
        ]
        if faults:
            raise RequestError(
                "invalid-parameter",
                "; ".join(f"{fault.parameter} {fault.detail}" for fault in faults),
                tuple(faults),
            )
        version = read_version(parameters.get("focusVersion"), entry.default_version)
        try:
            extracted, version = choose(entry.name, version, grain)
        except UserError as error:
            raise invalid("focusVersion", str(error)) from None
        filters = tuple(
            (name, parameters[name])
            for name in (*known, "focusVersion", "compact")
            if parameters.get(name) is not None
        )
        terms = []
        calls: list[tuple[str, str, tuple[str, ...]]] = []
        counted_by = []
        for name, value in filters:
            parameter = known.get(name)
            if parameter is None:
                continue
            check_length(name, value)
            text = read_moment(name, value) if parameter.is_moment else value
            columns = parameter.columns_of(version)
            terms.append(Term(columns, (text,), parameter.operator))
            if parameter.call is not None:
                calls.append((parameter.call, parameter.operator, (text,)))
                counted_by.append(name)
        _check_period(filters)
        for accounts, column, call in (
            (caller.billing_accounts, entry.billing_account, "billing_account_id"),
            (caller.sub_accounts, entry.sub_account, "sub_account_id"),
        ):
            if accounts is not None:
                values = tuple(sorted(accounts))
                # no column: no row is known to be the caller's
                terms.append(Term((column,) if column else (), values))
                calls.append((call, "=", values))
        selection = Selection(extracted, version, grain, terms=tuple(terms))
        return Query(
            dataset=entry,
            selection=selection,
            filters=filters,
            calls=tuple(calls) if extracted.holds_usage else None,
            counted_by=tuple(counted_by),
        )

    def list_rows(self, caller: Caller, dataset: str, parameters: Mapping[str, str]) -> Page:
        """Give one page of a dataset's rows; `pageSize` and `pageToken` stand in `parameters`."""
        given = {name: value for name, value in parameters.items() if name not in _PAGING}
        size = read_page_size(parameters.get("pageSize"))
        token = None
        if parameters.get("pageToken") is not None:
            token = self._read_token(caller, dataset, given, parameters["pageToken"])
            given = dict(token.filters)
            size = size or token.page_size
        query = self.read_query(caller, dataset, given)
        size = size or PAGE_SIZE
        is_compact = read_flag("compact", dict(query.filters).get("compact"))
        omitted = None
        with self._hold(token) as build:
            summary = self._summarize(build, query)
            if is_compact:
                # of the whole selection, so that all pages have the same columns
                omitted = self._empty.get(
                    _key_of(build, query), lambda: self._find_empty(build, query)
                )
            part = self._read_part(build, query, summary, token, size, omitted or ())
            next_page_token = None
            if part.has_more and part.last is not None:
                next_page_token = self._write_token(caller, build, query, size, part.last)
            return Page(
                query=query,
                build_id=build.build_id,
                finished_at=build.finished_at,
                page_size=size,
                lines=part.lines,
                next_page_token=next_page_token,
                omitted=omitted,
                summary=summary,
            )

    def stream(
        self,
        caller: Caller,
        dataset: str,
        parameters: Mapping[str, str],
        fmt: str = "csv",
        grain: str = "call",
        from_date: date | None = None,
        to_date: date | None = None,
    ) -> Stream:
        """Give a whole selection as a csv, json or jsonl file, byte for byte the extract.

        Dates are UTC days, both inclusive, on the start of the charge period.
        """
        if fmt not in MEDIA_TYPES:
            raise invalid("format", f"choose one of {', '.join(MEDIA_TYPES)}")
        query = self.read_query(caller, dataset, parameters, grain)
        query = replace(
            query, selection=replace(query.selection, from_date=from_date, to_date=to_date)
        )
        with ExitStack() as opened:
            build = opened.enter_context(self.builds.current())
            cursor = opened.enter_context(build.cursor())
            extract = self._extract(cursor, query.selection)
            folder = Path(opened.enter_context(TemporaryDirectory(dir=self.builds.scratch)))
            # one file at a time has the memory, for the length of a slice
            with self._turn:
                if query.selection.dataset.is_staged:
                    wait_for_memory(lambda: extract.stage(folder))
                measures: list[Measure] = []
                wait_for_memory(lambda: measures.append(extract.measure()))
            # the flat layout is for spreadsheets
            safe_csv = fmt == "csv" and query.selection.dataset.focus_id is None
            chunks = extract.stream(measures[0], fmt, safe_csv, folder, turn=self._turn)
            opened.callback(chunks.close)
            # what can't be begun is refused before the answer begins
            first = next(chunks, b"")
            stack = opened.pop_all()
        stem = query.selection.dataset.file_stem(grain)
        days = "".join(f"_{day}" for day in (from_date, to_date) if day)
        return Stream(f"{stem}{days}.{fmt}", MEDIA_TYPES[fmt], chain([first], chunks), stack)

    def describe_schema(
        self, caller: Caller, focus_version: str | None = None, dataset: str | None = None
    ) -> dict[str, Any]:
        """Give the FOCUS metadata of the datasets within the caller's scope, with their recency."""
        version = read_version(focus_version, DEFAULT_VERSION)
        names = [entry.name for entry in API_DATASETS.values() if entry.path is not None]
        if dataset is not None:
            if dataset not in names:
                raise invalid("dataset", f"choose one of {', '.join(names)}")
            caller.check_dataset(dataset)
            names = [dataset]
        readable = [name for name in names if caller.may_read(name)]
        return self._describe_schema(caller, version, readable, dataset)

    def break_down(self, caller: Caller, dataset: str, parameters: Mapping[str, str]) -> Breakdown:
        """Give totals, coverage, and exact sums per currency and combination of the dimensions.

        `groupBy` and `limit` stand in `parameters`. Dimensions are those of the table of datasets
        and tags; without any there are no groups. The largest come first or, where the first
        dimension is a time, the earliest.
        """
        given = {name: value for name, value in parameters.items() if name not in _GROUPING}
        query = self.read_query(caller, dataset, given)
        offered = query.dataset.dimensions
        dimensions = read_names("groupBy", parameters.get("groupBy"), offered, TAG)
        limit = read_count("limit", parameters.get("limit"), MOST_GROUPS) or MOST_GROUPS
        version = query.selection.focus_version
        wanted = tuple(query.dataset.dimension(name, version) for name in dict.fromkeys(dimensions))
        with self.builds.current() as build:
            summary = self._summarize(build, query)
            groups: list[Group] = []
            if wanted and summary.measure.rows:
                groups = self._groups.get(
                    (*_key_of(build, query), wanted), lambda: self._sum(build, query, wanted)
                )
            return Breakdown(
                query=query,
                build_id=build.build_id,
                finished_at=build.finished_at,
                dimensions=tuple(dimension.name for dimension in wanted),
                summary=summary,
                groups=groups[:limit],
                is_truncated=len(groups) > limit,
            )

    def _sum(self, build: Build, query: Query, dimensions: Sequence[Dimension]) -> list[Group]:
        with self._read(build) as cursor:
            return self._extract(cursor, query.selection).break_down(dimensions, MOST_GROUPS)

    def _describe_schema(
        self, caller: Caller, version: str, names: list[str], wanted: str | None
    ) -> dict[str, Any]:
        try:
            described = metadata.describe(self._project, version, wanted)
        except UserError as error:
            raise invalid("dataset" if wanted else "focusVersion", str(error)) from None
        chosen = [
            structure
            for structure in schemas.structures()
            if structure.focus_version == version and structure.dataset.name in names
        ]
        if "DatasetInstance" not in described:
            # before 1.3 the metadata are one Schema, of Cost and Usage
            caller.check_dataset("cost-and-usage")
            return described
        kept = {
            schemas.dataset_instance_id(structure.dataset, structure.grain) for structure in chosen
        }
        for part in ("DatasetInstance", "Schema"):
            described[part] = [
                entry for entry in described[part] if entry["DatasetInstanceId"] in kept
            ]
        with _without_build(), self.builds.current() as build, self._read(build) as cursor:
            described["Recency"] = [
                recency
                for structure in chosen
                for recency in metadata.describe_recency(
                    cursor,
                    structure,
                    metadata.build_moment(build.database),
                    self._scope(caller, structure.dataset.name),
                )
            ]
        return described

    def _scope(self, caller: Caller, dataset: str) -> tuple[Term, ...]:
        return self.read_query(caller, dataset, {}).selection.terms

    def _extract(self, cursor: duckdb.DuckDBPyConnection, selection: Selection) -> PagedExtract:
        json_names = schemas.json_column_names(self._project, selection.dataset.focus_id)
        try:
            return PagedExtract(cursor, selection, json_names)
        except UserError as error:
            raise RequestError("unavailable", str(error)) from None

    @contextmanager
    def _hold(self, token: PageToken | None) -> Iterator[Build]:
        held = self.builds.current() if token is None else self.builds.get(token.build_id)
        with held as build:
            yield build

    @contextmanager
    def _read(self, build: Build) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._turns, build.cursor() as cursor:
            yield cursor

    def _summarize(self, build: Build, query: Query) -> Summary:
        """Measure a selection once per build."""
        return self._summaries.get(_key_of(build, query), lambda: self._measure(build, query))

    def _measure(self, build: Build, query: Query) -> Summary:
        with self._read(build) as cursor:
            measure = self._extract(cursor, query.selection).measure()
            coverage = None
            if query.calls is not None:
                coverage = read_usage_coverage(cursor, query.calls)
        return Summary(measure, coverage)

    def _find_empty(self, build: Build, query: Query) -> tuple[str, ...]:
        with self._read(build) as cursor:
            return self._extract(cursor, query.selection).find_empty()

    def _read_part(
        self,
        build: Build,
        query: Query,
        summary: Summary,
        token: PageToken | None,
        size: int,
        omitted: tuple[str, ...],
    ) -> Part:
        if not summary.measure.rows:
            return Part([], None, False)
        with self._read(build) as cursor:
            extract = self._extract(cursor, query.selection)
            extract.columns = [it for it in extract.columns if it.name not in omitted]
            return extract.read(summary.measure, token.after if token else None, size)

    def _read_token(
        self, caller: Caller, dataset: str, given: dict[str, str], text: str
    ) -> PageToken:
        token = read_page_token(self.secret, text)
        for fits, reason in (
            (token.identity == caller.identity, "it was given to another token"),
            (token.dataset == dataset, "it belongs to another dataset"),
            (
                not given or given == dict(token.filters),
                "it belongs to other filters: give the same ones again, or none",
            ),
        ):
            if not fits:
                raise RequestError(
                    "invalid-page-token", f"pageToken: {reason}.", (Fault("pageToken", reason),)
                )
        if token.expires < time.time():
            raise RequestError(
                "gone",
                "The page token has expired: start again at the first page, without pageToken.",
                (Fault("pageToken", "has expired"),),
            )
        return token

    def _write_token(
        self, caller: Caller, build: Build, query: Query, size: int, after: tuple[str, ...]
    ) -> str:
        expires = int(time.time()) + LIFETIME
        self.builds.lease(build, expires)
        token = PageToken(
            build_id=build.key,
            dataset=query.dataset.name,
            focus_version=query.selection.focus_version,
            filters=query.filters,
            page_size=size,
            after=after,
            identity=caller.identity,
            expires=expires,
        )
        return write_page_token(self.secret, token)


def describe_totals(measure: Measure) -> dict[str, Any]:
    """Lay out the totals of a whole selection: rows, and per currency exact sums as text.

    `byChargeCategory` keeps credits apart from usage.
    """
    return {
        "exact": True,
        "rows": measure.rows,
        "currencies": [
            _describe_total(
                total, [part for part in measure.categories if part.currency == total.currency]
            )
            for total in measure.currencies
        ],
    }


def _describe_total(total: Total, categories: Sequence[Total]) -> dict[str, Any]:
    return {
        "billingCurrency": total.currency,
        "rows": total.rows,
        **total.costs,
        "byChargeCategory": [
            {"chargeCategory": part.category, "rows": part.rows, **part.costs}
            for part in categories
        ],
    }


def describe_page_coverage(query: Query, coverage: Coverage | None) -> dict[str, Any] | None:
    """Lay out a coverage: how many of the calls that fit the filters have a price.

    `countedBy` names the filters that it goes by. A call without a price has no service, region,
    category or currency, so those filters do not narrow it.
    """
    if coverage is None:
        return None
    described = {_camel(name): value for name, value in describe_coverage(coverage).items()}
    return {**described, "countedBy": list(query.counted_by)}


def _key_of(build: Build, query: Query) -> tuple[object, ...]:
    """Tell selections apart, with the scope of whoever asks: it is among their terms."""
    selection = query.selection
    return (
        build.key,
        selection.dataset.name,
        selection.focus_version,
        selection.grain,
        selection.terms,
        query.calls,
    )


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


@contextmanager
def _without_build() -> Iterator[None]:
    # the structures are known before the first build
    try:
        yield
    except RequestError as problem:
        if problem.kind != "unavailable":
            raise


def _find(dataset: str) -> ApiDataset:
    if dataset not in API_DATASETS:
        raise invalid("dataset", f"choose one of {', '.join(API_DATASETS)}")
    return API_DATASETS[dataset]


def _names(entry: ApiDataset) -> list[str]:
    names = [parameter.name for parameter in entry.parameters if parameter.public]
    return [*names, *_OTHERS]


def _check_period(filters: tuple[tuple[str, str], ...]) -> None:
    given = dict(filters)
    for period in ("billingPeriod", "chargePeriod"):
        start, end = given.get(f"{period}Start"), given.get(f"{period}End")
        if start is None or end is None:
            continue
        if read_moment(f"{period}Start", start) >= read_moment(f"{period}End", end):
            raise invalid(f"{period}End", f"must lie after {period}Start")
