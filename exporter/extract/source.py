"""Opens what an extract is made of: a published build, or the rows of a warehouse."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from exporter.duck import check_memory_limit, open_database
from exporter.extract import manifest as manifests
from exporter.extract.selection import Selection
from exporter.project import Project
from exporter.sql import DuckDB, Engine

# a slice's sort needs little; twice as much would be filled with what was read
_MEMORY_LIMIT = "1GB"


@dataclass(frozen=True)
class Source:
    """Where the selected rows lie, what else can be asked, and the build that they are of.

    `check` raises a UserError when that build's tables were written to meanwhile.
    """

    connection: duckdb.DuckDBPyConnection
    engine: Engine
    build: dict[str, Any]
    check: Callable[[], None]


@contextlib.contextmanager
def open_source(
    database: Path | None, target: str, selection: Selection, project: Project, scratch: Path
) -> Iterator[Source]:
    """Open the published file or, without one, bring the target's rows into a scratch file."""
    limit = check_memory_limit(_MEMORY_LIMIT)
    if database is not None:
        keeps_order = not selection.dataset.is_staged
        with open_database(
            database, scratch, memory_limit=limit, keeps_order=keeps_order
        ) as connection:
            # what is published never changes
            build = manifests.describe_build(database)
            yield Source(connection, DuckDB(connection), build, lambda: None)
        return
    from exporter.warehouse.connection import open_warehouse
    from exporter.warehouse.record import (
        blaming_changes,
        check_no_run,
        check_unchanged,
        read_record,
    )
    from exporter.warehouse.transfer import pull

    with (
        open_warehouse(target, project) as warehouse,
        open_database(
            scratch / "warehouse.duckdb", scratch, read_only=False, memory_limit=limit
        ) as connection,
    ):
        record = read_record(warehouse)
        check_no_run(target, record)
        with blaming_changes(warehouse, record):
            pull(connection, warehouse, selection, project)
        build = {"build_id": record.build_id, "finished_at": record.finished_at}
        yield Source(connection, warehouse, build, lambda: check_unchanged(warehouse, record))
