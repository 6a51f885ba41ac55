"""Requests for rows: what is asked, checked, with the caller's scope in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

import duckdb

from exporter.api.datasets import API_DATASETS, ApiDataset
from exporter.api.filters import name_provider, read_listed
from exporter.api.parameters import (
    check_length,
    read_billing_period,
    read_moment,
    read_version,
)
from exporter.api.principal import Caller
from exporter.api.problems import Fault, RequestError, invalid
from exporter.errors import UserError
from exporter.extract.coverage import Coverage, count_rejected, read_usage_coverage
from exporter.extract.selection import Selection, Term, choose
from exporter.extract.unmatched import Wanted
from exporter.sql import DuckDB

PAGING = ("pageSize", "pageToken")
GROUPING = ("groupBy", "limit")
_OTHERS = ("focusVersion", "compact", *PAGING)


@dataclass(frozen=True)
class Query:
    """A checked request for rows: a selection with the caller's scope in it, and what was asked.

    `filters` are the parameters as they were given. `calls` are the terms of the coverage: column
    of ai_call_coverage, operator, values; None where the dataset has no coverage. `counted_by`
    names the parameters that the coverage goes by. `wanted` are the filters that compare with a
    value, and `scope` the terms of the caller's scope, both among the selection's terms.
    `is_scoped` tells that rows are hidden from the caller.
    """

    dataset: ApiDataset
    selection: Selection
    filters: tuple[tuple[str, str], ...]
    calls: tuple[tuple[str, str, tuple[str, ...]], ...] | None
    counted_by: tuple[str, ...]
    wanted: tuple[Wanted, ...]
    scope: tuple[Term, ...]
    is_scoped: bool = False

    @property
    def billing_period(self) -> date | None:
        """The first day of the booked month that is asked for."""
        month = dict(self.filters).get("billingPeriod")
        return date.fromisoformat(f"{month}-01") if month else None

    def within(self, from_date: date | None, to_date: date | None) -> Query:
        """Narrow it to UTC days, both inclusive, on the start of the charge period."""
        selection = replace(self.selection, from_date=from_date, to_date=to_date)
        calls = self.calls
        if calls is not None:
            days = ((it.operator, it.values) for it in selection.date_terms())
            calls += tuple(("charge_period_start", *day) for day in days)
        return replace(self, selection=selection, calls=calls)

    def read_coverage(self, cursor: duckdb.DuckDBPyConnection) -> Coverage | None:
        """Count the calls of the query in a build; None where the dataset holds no usage.

        An unreadable line belongs to no account, so a caller with a scope isn't told of it.
        """
        if self.calls is None:
            return None
        coverage = read_usage_coverage(cursor, self.calls)
        if self.is_scoped:
            return coverage
        rejected = count_rejected(DuckDB(cursor), self.selection.dataset)
        return replace(coverage, rejected_records=rejected)

    @property
    def key(self) -> tuple[object, ...]:
        """Tell selections apart, with the scope of whoever asks.

        The scope stands beside the terms that it is among: what no row has is told within it.
        """
        it = self.selection
        return (it.dataset.name, it.focus_version, it.grain, it.terms, self.calls, self.scope)

    def name_providers(self, names: Mapping[str, str]) -> Query:
        """Put the names that rows of a build have in place of keys; `names` is of the build."""
        takers = {it.name: it for it in self.dataset.parameters if it.names_provider}
        asked = next((it for it in self.wanted if it.name in takers), None)
        if asked is None:
            return self
        old, new = asked.term, name_provider(asked.term, names)
        call = (takers[asked.name].call, "=", old.values)
        terms = tuple(new if it is old else it for it in self.selection.terms)
        return replace(
            self,
            selection=replace(self.selection, terms=terms),
            calls=self.calls
            and tuple((*it[:2], new.values) if it == call else it for it in self.calls),
            wanted=tuple(replace(it, term=new) if it is asked else it for it in self.wanted),
        )


def read_query(
    caller: Caller, dataset: str, parameters: Mapping[str, str], grain: str = "call"
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
    wanted = []
    scope = []
    calls: list[tuple[str, str, tuple[str, ...]]] = []
    counted_by = []
    for name, value in filters:
        parameter = known.get(name)
        if parameter is None:
            continue
        check_length(name, value)
        columns = parameter.columns_of(version)
        if parameter.is_moment:
            text = read_moment(name, value)
        elif parameter.is_month:
            text = read_billing_period(name, value)
        else:
            text = read_listed(entry.name, parameter, version, value)
        terms.append(Term(columns, (text,), parameter.operator))
        if not (parameter.is_moment or parameter.is_month):
            wanted.append(Wanted(name, terms[-1], parameter.label))
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
            scope.append(Term((column,) if column else (), values))
            calls.append((call, "=", values))
    selection = Selection(extracted, version, grain, terms=(*terms, *scope))
    return Query(
        dataset=entry,
        selection=selection,
        filters=filters,
        calls=tuple(calls) if extracted.holds_usage else None,
        counted_by=tuple(counted_by),
        wanted=tuple(wanted),
        scope=tuple(scope),
        is_scoped=caller.is_scoped,
    )


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
