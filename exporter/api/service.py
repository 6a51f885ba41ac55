"""The one service behind REST and MCP: what is read, by whom, from which build.

It knows neither HTTP nor MCP. Parameters come in as text by their public names; whatever can't be
answered is raised as a `RequestError`. Every method may be called from many threads at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from exporter.api.answers import (
    MEDIA_TYPES,
    Breakdown,
    Page,
    Stream,
    Summary,
    describe_page_coverage,
)
from exporter.api.datasets import TAG
from exporter.api.kept import find_kept, keep
from exporter.api.open_builds import Build, Builds
from exporter.api.page_tokens import (
    LIFETIME,
    PageToken,
    find_place,
    read_secret,
    write_page_token,
)
from exporter.api.parameters import (
    PAGE_SIZE,
    read_count,
    read_flag,
    read_names,
    read_page_size,
)
from exporter.api.principal import Caller
from exporter.api.problems import RequestError, invalid
from exporter.api.queries import GROUPING, PAGING, Query, read_query
from exporter.api.settings import read_number
from exporter.api.streams import WantedFile, describe_stream, name_file
from exporter.api.structures import describe_structures
from exporter.api.turns import Turns, interrupting
from exporter.duck import wait_for_memory
from exporter.errors import UnbuiltVersionError, UserError
from exporter.extract import metadata
from exporter.extract.coverage import Coverage
from exporter.extract.pages import Dimension, Group, PagedExtract, Part
from exporter.extract.selection import Selection
from exporter.extract.writer import Measure
from exporter.focus import schemas
from exporter.home import Home
from exporter.project import load_project

# totals, sums by dimensions and empty columns of so many filters are kept
_KEPT = 256
# with so many marks in all (some 100 bytes each)
_KEPT_MARKS = 400_000
# with so many groups in all (some 3 kB each)
_KEPT_GROUPS = 20_000
# with so many names of columns in all
_KEPT_NAMES = 20_000
# groups of one answer
MOST_GROUPS = 1_000
# seconds that a query may wait, and may take
_DEADLINE = 30


class Service:
    """Answers what callers ask of a home's builds."""

    def __init__(self, home: Home, *, is_locked: bool = True) -> None:
        """Serve a home; a build need not be there yet. `is_locked` is as in Builds."""
        self.home = home
        self.builds = Builds(home, is_locked=is_locked)
        self.secret = read_secret(home.path)
        self._project = load_project()
        self._deadline = read_number("AI_FOCUS_QUERY_SECONDS", _DEADLINE)
        # one takes some 70 MB, and all together have what the builds allow
        self._queries = Turns("queries", at_once=3, each=2, queue=150, own_queue=50)
        self._files = Turns("files", at_once=4, each=1, queue=16, own_queue=4)
        self._slice = threading.Lock()
        self._summaries = keep(
            self._measure, _KEPT, _KEPT_MARKS, lambda it: len(it.measure.moments)
        )
        self._empty = keep(self._find_empty, _KEPT, _KEPT_NAMES)
        self._groups = keep(self._sum, _KEPT, _KEPT_GROUPS)

    def close(self) -> None:
        """Close the builds; call it when nothing is read any more."""
        self.builds.close()

    def count_waiting(self) -> int:
        """Count the requests that wait for their turn."""
        return self._queries.count_waiting() + self._files.count_waiting()

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

    def list_rows(self, caller: Caller, dataset: str, parameters: Mapping[str, str]) -> Page:
        """Give one page of a dataset's rows; `pageSize` and `pageToken` stand in `parameters`."""
        given = {name: value for name, value in parameters.items() if name not in PAGING}
        size = read_page_size(parameters.get("pageSize"))
        token = None
        if parameters.get("pageToken") is not None:
            text = parameters["pageToken"]
            token = find_place(self.secret, text, caller.identity, dataset, given)
            given = dict(token.filters)
            size = size or token.page_size
        query = read_query(caller, dataset, given)
        size = size or PAGE_SIZE
        is_compact = read_flag("compact", given.get("compact"))
        omitted: tuple[str, ...] | None = None
        held = self.builds.current() if token is None else self.builds.get(token.build_id)
        with held as build:
            query = query.name_providers(build.providers)
            with self._work(caller, build) as cursor:
                summary: Summary = self._summaries(cursor, build, query)
                if is_compact:
                    # of the whole selection, so that all pages have the same columns
                    omitted = self._empty(cursor, build, query)
                part = self._read_part(cursor, query, summary, token, size, omitted or ())
            next_page_token = None
            if part.has_more and part.last is not None:
                place = PageToken(
                    build_id=build.key,
                    dataset=query.dataset.name,
                    focus_version=query.selection.focus_version,
                    filters=query.filters,
                    page_size=size,
                    after=part.last,
                    identity=caller.identity,
                    expires=token.expires if token else int(time.time()) + LIFETIME,
                )
                self.builds.lease(build, place.expires)
                next_page_token = write_page_token(self.secret, place)
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
        wanted: WantedFile,
    ) -> Stream:
        """Give a whole selection as a csv, json or jsonl file, byte for byte the extract."""
        query = wanted.read_query(caller)
        with ExitStack() as opened:
            build = opened.enter_context(self.builds.current())
            query = query.name_providers(build.providers)
            opened.enter_context(self._files.take(caller.identity, self._deadline))
            cursor = opened.enter_context(build.cursor())
            extract = self._extract(cursor, query.selection)
            folder = Path(opened.enter_context(TemporaryDirectory(dir=self.builds.scratch)))
            is_safe = query.selection.dataset.escapes_formulas(wanted.fmt, wanted.safe_csv)
            with interrupting(cursor, None):
                # one file at a time has the memory, for the length of a slice
                with self._slice:
                    if query.selection.dataset.is_staged:
                        wait_for_memory(lambda: extract.stage(folder))
                    measures: list[Measure] = []
                    wait_for_memory(lambda: measures.append(extract.measure()))
                    coverages: list[Coverage | None] = []
                    wait_for_memory(lambda: coverages.append(query.read_coverage(cursor)))
                chunks = extract.stream(measures[0], wanted.fmt, is_safe, folder, turn=self._slice)
                opened.callback(chunks.close)
                # what can't be begun is refused before the answer begins
                first = next(chunks, b"")
            # so that its manifest can be asked for
            self.builds.lease(build, int(time.time()) + LIFETIME)
            stack = opened.pop_all()
        return Stream(
            file_name=name_file(query, wanted.fmt),
            media_type=MEDIA_TYPES[wanted.fmt],
            chunks=chain([first], chunks),
            coverage=describe_page_coverage(query, coverages[0]),
            build_key=build.key,
            _stack=stack,
        )

    def describe_file(
        self,
        caller: Caller,
        wanted: WantedFile,
        build_key: str | None = None,
    ) -> dict[str, Any]:
        """Give the manifest of the file that stream() gives; None names the published build."""
        query = wanted.read_query(caller)
        held = self.builds.current() if build_key is None else self.builds.get(build_key)
        with held as build, self._work(caller, build) as cursor:
            extract = self._extract(cursor, query.selection)
            coverage = query.read_coverage(cursor)
            return describe_stream(self._project, build, query, wanted, extract, coverage)

    def describe_schema(
        self, caller: Caller, focus_version: str | None = None, dataset: str | None = None
    ) -> dict[str, Any]:
        """Give the FOCUS metadata of the datasets within the caller's scope, with their recency."""
        described, chosen = describe_structures(self._project, caller, focus_version, dataset)
        if "DatasetInstance" not in described:
            return described
        # the structures are known before the first build
        with _without_build(), self.builds.current() as build, self._work(caller, build) as cursor:
            described["Recency"] = [
                recency
                for structure in chosen
                for query in (read_query(caller, structure.dataset.name, {}),)
                for recency in metadata.describe_recency(
                    cursor,
                    structure,
                    metadata.build_moment(build.database),
                    query.selection.terms,
                    query.calls or (),
                )
            ]
        return described

    def break_down(self, caller: Caller, dataset: str, parameters: Mapping[str, str]) -> Breakdown:
        """Give totals, coverage, and exact sums per currency and combination of the dimensions.

        `groupBy` and `limit` stand in `parameters`. Dimensions are those of the table of datasets
        and tags; without any there are no groups. The largest come first or, where the first
        dimension is a time, the earliest.
        """
        given = {name: value for name, value in parameters.items() if name not in GROUPING}
        query = read_query(caller, dataset, given)
        offered = query.dataset.dimensions
        dimensions = read_names("groupBy", parameters.get("groupBy"), offered, TAG)
        limit = read_count("limit", parameters.get("limit"), MOST_GROUPS) or MOST_GROUPS
        version = query.selection.focus_version
        wanted = tuple(query.dataset.dimension(name, version) for name in dict.fromkeys(dimensions))
        with self.builds.current() as build:
            query = query.name_providers(build.providers)
            # what is kept waits for nobody
            summary: Summary | None = find_kept(self._summaries, None, build, query)
            groups: list[Group] | None = []
            if wanted and (summary is None or summary.measure.rows):
                groups = find_kept(self._groups, None, build, query, wanted)
            if summary is None or groups is None:
                with self._work(caller, build) as cursor:
                    summary = self._summaries(cursor, build, query)
                    groups = []
                    if wanted and summary.measure.rows:
                        groups = self._groups(cursor, build, query, wanted)
            return Breakdown(
                query=query,
                build_id=build.build_id,
                finished_at=build.finished_at,
                dimensions=tuple(dimension.name for dimension in wanted),
                summary=summary,
                groups=groups[:limit],
                is_truncated=len(groups) > limit,
            )

    @contextmanager
    def _work(self, caller: Caller, build: Build) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor when it is the caller's turn; what it runs ends in time."""
        with (
            self._queries.take(caller.identity, self._deadline),
            build.cursor() as cursor,
            interrupting(cursor, self._deadline),
        ):
            yield cursor

    def _sum(
        self, cursor: duckdb.DuckDBPyConnection, query: Query, dimensions: Sequence[Dimension]
    ) -> list[Group]:
        return self._extract(cursor, query.selection).break_down(dimensions, MOST_GROUPS)

    def _extract(self, cursor: duckdb.DuckDBPyConnection, selection: Selection) -> PagedExtract:
        json_names = schemas.json_column_names(self._project, selection.dataset.focus_id)
        try:
            return PagedExtract(cursor, selection, json_names)
        except UnbuiltVersionError as error:
            raise invalid("focusVersion", str(error)) from None
        except UserError as error:
            raise RequestError("unavailable", str(error)) from None

    def _measure(self, cursor: duckdb.DuckDBPyConnection, query: Query) -> Summary:
        extract = self._extract(cursor, query.selection)
        measure = extract.measure()
        coverage = query.read_coverage(cursor)
        if measure.rows:
            return Summary(measure, coverage)
        return Summary(measure, coverage, extract.find_unmatched(query.wanted, query.scope))

    def _find_empty(self, cursor: duckdb.DuckDBPyConnection, query: Query) -> tuple[str, ...]:
        return self._extract(cursor, query.selection).find_empty()

    def _read_part(
        self,
        cursor: duckdb.DuckDBPyConnection,
        query: Query,
        summary: Summary,
        token: PageToken | None,
        size: int,
        omitted: tuple[str, ...],
    ) -> Part:
        if not summary.measure.rows:
            return Part([], None, False)
        extract = self._extract(cursor, query.selection)
        extract.columns = [it for it in extract.columns if it.name not in omitted]
        return extract.read(summary.measure, token.after if token else None, size)


@contextmanager
def _without_build() -> Iterator[None]:
    try:
        yield
    except RequestError as problem:
        if problem.kind != "unavailable":
            raise
