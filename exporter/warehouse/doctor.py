"""Checks a target before a user relies on it: installed, set up, reachable, and exact.

What the models rely on is checked by macros (macros/doctor.sql). Here it is checked that files can
be loaded and rows be read back as an extract reads them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter import targets
from exporter.dbt.runner import Operation, Outcome, run_operations
from exporter.errors import DataError, UserError
from exporter.home import Home
from exporter.project import Project, load_project

# macro -> what is said when it can't run
_MACROS = {
    "doctor_connection": (
        "connection",
        "Check the settings named above, the network, and that the login is valid.",
    ),
    "doctor_rights": (
        "rights",
        "Grant the role CREATE TABLE and CREATE VIEW in the schema (and CREATE SCHEMA in the "
        "database where the schema is not there yet).",
    ),
    "doctor_money": ("money", "Report it with the version above."),
    "doctor_time": ("time", "Report it with the version above."),
    "doctor_json": ("json", "Report it with the version above."),
    "doctor_raw_tables": ("raw tables", "Let the role read the schema of the raw tables."),
}
_COST = Decimal("12345678901234567890.123456789012345678")
_MOMENT = datetime(2026, 3, 29, 0, 30)


@dataclass(frozen=True)
class Check:
    """One line of the result; the remedy is for a check that failed."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    # the user must act before anything can be checked
    is_setup: bool = False


def examine(home: Home, target: str, variables: dict[str, Any]) -> Iterator[Check]:
    """Run all checks that can be run; gives each as soon as it is done."""
    project = load_project()
    setup = list(_check_setup(project, target))
    yield from setup
    if not all(check.ok for check in setup):
        return
    home.prepare()
    scratch = Path(tempfile.mkdtemp(prefix=".doctor.", dir=home.path))
    try:
        yield from _check_with_dbt(home, project, target, variables, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check_setup(project: Project, target: str) -> Iterator[Check]:
    try:
        targets.check_name(target)
        targets.check_adapter(target)
    except UserError as error:
        detail, _, remedy = str(error).partition(": ")
        yield Check("adapter", False, detail, f"{remedy[:1].upper()}{remedy[1:]}", is_setup=True)
        return
    yield Check("adapter", True, f"dbt's adapter for {target} is installed")
    if target == targets.DUCKDB:
        return
    missing = targets.missing_settings(target)
    profiles = targets.profiles_folder(project) / "profiles.yml"
    if missing:
        detail = f"{', '.join(missing)} not set"
        remedy = (
            "Set what is missing in the environment, or name your own profiles.yml with "
            "DBT_PROFILES_DIR."
        )
    elif not profiles.is_file():
        detail = f"{profiles} does not exist"
        remedy = "Name the folder of your profiles.yml with DBT_PROFILES_DIR, or unset it."
    else:
        yield Check("settings", True, f"taken from {profiles}")
        return
    yield Check("settings", False, detail, remedy, is_setup=True)


def _check_with_dbt(
    home: Home, project: Project, target: str, variables: dict[str, Any], scratch: Path
) -> Iterator[Check]:
    operations = [Operation(macro, {}) for macro in _MACROS]
    if target != targets.DUCKDB:
        operations.append(Operation("doctor_load_table", {}))
        variables = {"raw_origin": "source", **variables}
    load_table: Outcome | None = None
    for outcome in run_operations(home, project, target, operations, variables, scratch):
        if outcome.macro == "doctor_load_table":
            load_table = outcome
            continue
        yield from _read(outcome)
        if outcome.macro == "doctor_connection" and outcome.error is not None:
            return
    if load_table is None:
        return
    if load_table.error is not None:
        yield Check("load", False, targets.shorten(load_table.error), _MACROS["doctor_rights"][1])
        return
    yield from _check_connection(project, target, load_table.values[-1], scratch)


def _read(outcome: Outcome) -> Iterator[Check]:
    for value in outcome.values:
        ok = bool(value["ok"])
        yield Check(value["check"], ok, value["detail"], "" if ok else value["remedy"])
    if outcome.error is not None:
        name, remedy = _MACROS[outcome.macro]
        yield Check(name, False, targets.shorten(outcome.error), remedy)


def _check_connection(
    project: Project, target: str, table: dict[str, str], scratch: Path
) -> Iterator[Check]:
    """Load a row by the bulk path, read it back as an extract does, and look for the datasets."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from exporter.warehouse.connection import open_warehouse

    file = scratch / "doctor.parquet"
    pq.write_table(pa.table({"cost": [str(_COST)], "moment": [_MOMENT.isoformat(" ")]}), file)
    with open_warehouse(target, project) as warehouse:
        try:
            warehouse.load_parquet(file, table["relation"], replace=False)
            yield Check("load", True, "a file was loaded by the bulk path")
            schema = pa.schema(
                [("BilledCost", pa.decimal128(38, 18)), ("ChargePeriodStart", pa.timestamp("us"))]
            )
            rows = [
                tuple(row.values())
                for batch in warehouse.batches(table["query"], (), schema)
                for row in batch.to_pylist()
            ]
            same = rows == [(_COST, _MOMENT)]
            yield Check(
                "read",
                same,
                "38 digits and a timestamp came back whole" if same else f"came back as {rows}",
                "" if same else "Do not trust an extract from there; report it.",
            )
        except (UserError, DataError) as error:
            yield Check(
                "load and read",
                False,
                targets.shorten(str(error)),
                "Grant what the bulk path needs: CREATE STAGE in Snowflake's schema, in BigQuery "
                "the role BigQuery Job User.",
            )
        finally:
            warehouse.fetch(table["drop"])
        yield _check_datasets(project, warehouse, scratch)


def _check_datasets(project: Project, warehouse: Any, scratch: Path) -> Check:
    from exporter.datasets import DATASETS
    from exporter.duck import open_database
    from exporter.extract.selection import Selection
    from exporter.warehouse.adapters import MissingTableError
    from exporter.warehouse.transfer import pull

    lacking = []
    for dataset in DATASETS.values():
        for grain in dataset.relations:
            # a day that has no rows: all columns are asked for, none comes
            selection = Selection(dataset, dataset.versions[0], grain, from_date=date.max)
            file = scratch / f"{dataset.name}-{grain}.duckdb"
            try:
                with open_database(file, read_only=False) as connection:
                    pull(connection, warehouse, selection, project)
            except MissingTableError:
                lacking.append(f"{dataset.name} by {grain}")
    if lacking:
        return Check(
            "datasets",
            False,
            f"not there, or of another version: {', '.join(lacking)}",
            f"Run `focus-export build --target {warehouse.target}`.",
        )
    return Check("datasets", True, "every dataset has all its columns")
