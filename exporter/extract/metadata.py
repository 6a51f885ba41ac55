"""The FOCUS metadata of the datasets: generator, instances, schemas, and a build's recency."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb

from exporter.datasets import FOCUS_IDS
from exporter.duck import open_database
from exporter.errors import UserError
from exporter.extract.coverage import count_rejected, read_usage_until, read_waiting
from exporter.extract.manifest import read_build
from exporter.extract.selection import Selection, Term
from exporter.extract.writer import Extract
from exporter.focus.schemas import (
    VERSIONS,
    Structure,
    dataset_instance_id,
    describe_schema,
    structures,
)
from exporter.home import Home
from exporter.project import Project
from exporter.sql import DuckDB

DATA_GENERATOR = "ai-focus"


def describe(
    project: Project,
    focus_version: str,
    dataset: str | None = None,
    grain: str | None = None,
    home: Home | None = None,
) -> dict[str, Any]:
    """Give the metadata of a FOCUS version: from 1.3 collections, before it one Schema object.

    Recency is added from 1.3 on when `home` has a published build.
    """
    version = focus_version.removeprefix("v")
    if version not in VERSIONS:
        raise UserError(
            f"There is no FOCUS version {focus_version}: choose one of {', '.join(VERSIONS)}."
        )
    if dataset is not None and dataset not in FOCUS_IDS:
        raise UserError(f"{dataset!r} is no FOCUS dataset: choose one of {', '.join(FOCUS_IDS)}.")
    chosen = [
        structure
        for structure in structures()
        if structure.focus_version == version
        and dataset in (None, structure.dataset.name)
        and grain in (None, structure.grain)
    ]
    if not chosen:
        raise UserError(
            f"FOCUS {version} has no {dataset or 'dataset'}{f' by {grain}' if grain else ''}: "
            "choose another version, dataset or grain."
        )
    metadata: dict[str, Any] = {"DataGenerator": {"DataGenerator": DATA_GENERATOR}}
    if version not in ("1.3", "1.4"):
        metadata["Schema"] = describe_schema(project, chosen[0])
        return metadata
    metadata["DatasetInstance"] = [
        {
            "DatasetInstanceId": dataset_instance_id(structure.dataset, structure.grain),
            "DatasetInstanceName": structure.dataset.instances[structure.grain],
            "FocusDatasetId": structure.dataset.focus_id,
        }
        for structure in chosen
    ]
    if home is not None and home.database.exists():
        metadata["Recency"] = list(_describe_recency(home, chosen))
    metadata["Schema"] = [describe_schema(project, structure) for structure in chosen]
    return metadata


def build_moment(database: Path) -> str:
    """Give the moment at which a build was finished, as UTC text."""
    finished = read_build(database)["finished_at"]
    moment = (
        datetime.fromisoformat(finished.replace("Z", "+00:00"))
        if finished
        else datetime.fromtimestamp(database.stat().st_mtime, timezone.utc)
    )
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _describe_recency(home: Home, chosen: list[Structure]) -> Iterator[dict[str, Any]]:
    database = home.published()
    updated = build_moment(database)
    with open_database(database, home.path) as connection:
        for structure in chosen:
            yield from describe_recency(connection, structure, updated)


def describe_recency(
    connection: duckdb.DuckDBPyConnection,
    structure: Structure,
    updated: str,
    terms: tuple[Term, ...] = (),
    calls: tuple[tuple[str, str, tuple[str, ...]], ...] = (),
) -> Iterator[dict[str, Any]]:
    """Give the Recency of an instance, if it has rows that fit the terms.

    A billing month is complete as ai_month_completeness says; the contract commitments are when no
    row of them was rejected. A build replaces all of its data, so all parts share its time.
    `calls` are the same terms for the calls: of these x_UsageUntil is the last one's start.
    """
    recency: dict[str, Any] = {
        "DatasetInstanceId": dataset_instance_id(structure.dataset, structure.grain),
        "RecencyLastUpdated": updated,
        "DatasetInstanceLastUpdated": updated,
    }
    if structure.dataset.holds_usage:
        selection = Selection(
            structure.dataset, structure.focus_version, structure.grain, terms=terms
        )
        months = Extract(connection, selection).read_months()
        if not months:
            return
        waiting = read_waiting(DuckDB(connection))
        until = read_usage_until(connection, calls)
        recency["x_UsageUntil"] = None if until is None else f"{until:%Y-%m-%dT%H:%M:%SZ}"
        recency["TimeSectors"] = [
            {
                "TimeSectorStart": start,
                "TimeSectorEnd": end,
                # a build of before does not know
                "TimeSectorComplete": waiting is not None and not waiting[start[:7]],
                "TimeSectorLastUpdated": updated,
                "x_WaitingFor": waiting[start[:7]] if waiting else [],
            }
            for start, end in months
        ]
    else:
        rejected = count_rejected(DuckDB(connection), structure.dataset)
        recency["DatasetInstanceComplete"] = rejected == 0
    yield recency
