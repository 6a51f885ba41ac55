"""What is given: totals, a page, sums, a file; and how each is laid out as JSON values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from exporter.api.filters import describe_unmatched
from exporter.api.queries import Query
from exporter.datasets import ALLOCATED_COST
from exporter.extract.coverage import Coverage
from exporter.extract.manifest import cut_allocated, describe_coverage
from exporter.extract.pages import Group
from exporter.extract.unmatched import Unmatched
from exporter.extract.writer import Measure, Total

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "jsonl": "application/jsonl",
}


@dataclass(frozen=True)
class Summary:
    """A whole selection of one build: totals and coverage, without a row.

    `unmatched` are the values of filters that no row has; None where rows fit.
    """

    measure: Measure
    coverage: Coverage | None
    unmatched: list[Unmatched] | None = None


@dataclass(frozen=True)
class Answer:
    """What every answer about a selection tells of itself, whatever it gives of the rows."""

    query: Query
    build_id: str | None
    finished_at: str | None
    summary: Summary

    def _describe(self, **own: Any) -> dict[str, Any]:
        found = self.summary.unmatched
        return {
            "dataset": self.query.dataset.name,
            "focusVersion": self.query.selection.focus_version,
            "build": {"id": self.build_id, "finishedAt": self.finished_at},
            "filters": dict(self.query.filters),
            **own,
            "totals": describe_totals(self.summary.measure),
            "coverage": describe_page_coverage(self.query, self.summary.coverage),
            **({} if found is None else {"unmatched": describe_unmatched(found)}),
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
    # as describe_page_coverage lays it out
    coverage: dict[str, Any] | None
    # of the build that it is made from, as Builds.get knows it
    build_key: str
    _stack: ExitStack = field(repr=False)

    def close(self) -> None:
        """Remove what was made for the file and let go of its build."""
        self._stack.close()


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
        **({"allocatedCostShare": cut_allocated(total)} if ALLOCATED_COST in total.costs else {}),
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
    return {
        **described,
        "rejectedRecords": coverage.rejected_records,
        "countedBy": list(query.counted_by),
    }


# header of a file -> what of its coverage stands in it
COVERAGE_HEADERS = {
    "X-Coverage-Missing-Calls": "missingCalls",
    "X-Coverage-Missing-Tokens": "missingTokens",
    "X-Coverage-Missing-Cost": "missingStatedCost",
    "X-Coverage-Unknown-Calls": "unknownCostCalls",
    "X-Coverage-Calls": "calls",
    "X-Coverage-Priced-Calls": "pricedCalls",
    "X-Coverage-Rejected-Records": "rejectedRecords",
    "X-Usage-Until": "usageUntil",
}


def write_coverage_headers(coverage: Mapping[str, Any] | None) -> dict[str, str]:
    """Write a coverage, laid out as above, as headers; what isn't known has none."""
    headers = {}
    for header, name in COVERAGE_HEADERS.items():
        value = (coverage or {}).get(name)
        if value is not None:
            currency = (coverage or {})["statedCostCurrency"] if header.endswith("-Cost") else ""
            headers[header] = f"{value} {currency}".rstrip()
    return headers


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)
