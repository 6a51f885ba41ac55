"""Which build made a target's tables, and whether another began meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from exporter.errors import DataError, UserError
from exporter.warehouse.adapters import MissingTableError, Warehouse


class ChangedError(UserError):
    """The tables that were read are not of one build."""


class NoBuildError(UserError):
    """The target holds no finished build, or not one that this version can read."""


@dataclass(frozen=True)
class BuildRecord:
    """Which build made a target's tables (macros/build_record.sql); moments are UTC text.

    `started_at` alone is set while dbt runs, or when it was killed. `build_id` and what follows are
    None then, and when plain dbt, or a build that failed, was the last to write there.
    `variables` is JSON. Two equal records with tables read in between: nothing was written.
    """

    build_id: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    tool_version: str | None = None
    variables: str | None = None
    invocation_id: str | None = None


def read_record(warehouse: Warehouse) -> BuildRecord:
    """Read which build made the target's tables; empty where the target has no record."""
    names = ", ".join(field.name for field in fields(BuildRecord))
    try:
        found = warehouse.fetch(f"select {names} from ai_focus_build")  # noqa: S608
    except MissingTableError:
        found = []
    return BuildRecord(*found[0]) if found else BuildRecord()


def check_no_run(target: str, record: BuildRecord) -> None:
    """Raise a NoBuildError while dbt writes the target's tables."""
    if record.started_at is not None:
        raise NoBuildError(
            f"A build that began at {record.started_at} has not ended in the target {target}: "
            f"wait until it has, or run `focus-export build --target {target}` again."
        )


def check_unchanged(warehouse: Warehouse, record: BuildRecord) -> None:
    """Raise a ChangedError when dbt wrote the target's tables after a record was read."""
    if read_record(warehouse) != record:
        raise ChangedError(
            f"A build began in the target {warehouse.target} while its tables were read: "
            "try again when it has ended."
        )


@contextmanager
def blaming_changes(warehouse: Warehouse, record: BuildRecord) -> Iterator[None]:
    """Let what fails while tables are read be a ChangedError where dbt wrote them meanwhile."""
    try:
        yield
    except (UserError, DataError) as error:
        try:
            check_unchanged(warehouse, record)
        except ChangedError as change:
            raise change from None
        except UserError:
            # the warehouse went away: the first error says so too
            pass
        raise error
