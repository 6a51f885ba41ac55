"""Opens a warehouse through dbt's own adapter and the user's profile, and asks it.

So every way to log in that dbt knows works here too. All that is used of dbt's insides is in
`open_warehouse`; rows come as Arrow batches over the connection that dbt has opened.
"""

from __future__ import annotations

import argparse
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from exporter.errors import DataError, UserError
from exporter.project import Project
from exporter.targets import check_warehouse, hide_secrets, profiles_folder

# rows that are held at once
BATCH_ROWS = 20_000
# digits that a whole number may have on its way into a decimal
_WIDEST = 38


# seconds for which a short query that BigQuery did not answer is sent again
_PATIENCE = 60


class MissingTableError(UserError):
    """The target has no such table, or the table no such column."""


class ChangedError(UserError):
    """The tables that were read are not of one build."""


class NoBuildError(UserError):
    """The target holds no finished build, or not one that this version can read."""


class Warehouse(ABC):
    """A connection to a warehouse. Parameters are bound and always text, cast where they stand."""

    # what the driver raises
    errors: tuple[type[Exception], ...] = ()
    # how the driver marks a parameter
    parameter = "?"

    def __init__(self, target: str, adapter: Any, handle: Any) -> None:
        """Take an adapter of dbt's and its open connection."""
        self.target = target
        self._adapter = adapter
        self._handle = handle

    @abstractmethod
    def column(self, name: str) -> str:
        """Quote a column's name as its tables keep it."""

    @abstractmethod
    def type_of(self, kind: str) -> str:
        """Give the warehouse's type for one of DuckDB's."""

    def value_of(self, kind: str) -> str:
        """Give the SQL that turns a text parameter into a value of one of DuckDB's types."""
        return f"cast({self.parameter} as {self.type_of(kind)})"

    def fetch(self, query: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """Run a query of few rows."""
        with self._explained():
            return self._fetch(query, parameters)

    def batches(
        self, query: str, parameters: Sequence[str], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """Run a query; its rows come in batches of `schema`, by the columns' names.

        A result without rows has no batch. Raises DataError where a value does not fit its type.
        """
        with self._explained():
            for batch in self._batches(query, parameters):
                yield conform(batch, schema)

    @abstractmethod
    def load_parquet(self, file: Path, table: str, *, replace: bool) -> int:
        """Load a Parquet file into a table by the warehouse's bulk path; gives the rows loaded.

        `table` is a name as the warehouse gives it. All of the file counts or nothing of it;
        `replace` takes the rows that were there away in the same step.
        """

    @abstractmethod
    def _fetch(self, query: str, parameters: Sequence[str]) -> list[tuple[Any, ...]]: ...

    @abstractmethod
    def _batches(self, query: str, parameters: Sequence[str]) -> Iterator[pa.RecordBatch]: ...

    @abstractmethod
    def _is_missing(self, error: Exception) -> bool: ...

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except self.errors as error:
            if self._is_missing(error):
                raise MissingTableError(
                    f"The target {self.target} lacks a table or a column ({_shorten(error)}): "
                    f"run `focus-export build --target {self.target}`."
                ) from None
            raise UserError(
                f"The target {self.target} refused a query ({_shorten(error)}): "
                f"run `focus-export doctor --target {self.target}`."
            ) from None


class Snowflake(Warehouse):
    """Snowflake, by its own connector. Columns are unquoted there, so kept in upper case."""

    parameter = "%s"

    def __init__(self, target: str, adapter: Any, handle: Any) -> None:
        """Have numbers come as decimals: by default the connector makes doubles of them."""
        from snowflake.connector.errors import Error

        super().__init__(target, adapter, handle)
        self.errors = (Error,)
        # the connector's setter has a name of its own
        handle.arrow_number_to_decimal_setter = True

    def column(self, name: str) -> str:
        """Quote a name in upper case."""
        return '"' + name.upper().replace('"', '""') + '"'

    def type_of(self, kind: str) -> str:
        """Give Snowflake's type."""
        return "timestamp_ntz" if kind == "TIMESTAMP" else kind.lower()

    def load_parquet(self, file: Path, table: str, *, replace: bool) -> int:
        """PUT the file to a stage of this session, then COPY it INTO the table."""
        stage = f"{table.rpartition('.')[0]}.ai_focus_load_{os.urandom(8).hex()}"
        with self._explained():
            cursor = self._handle.cursor()
            cursor.execute(f"create temporary stage {stage}")
            cursor.execute(f"put '{_file_url(file)}' @{stage} auto_compress = false")
            cursor.execute("begin")
            try:
                if replace:
                    cursor.execute(f"delete from {table}")  # noqa: S608 - dbt names the table
                cursor.execute(
                    f"copy into {table} from @{stage} file_format = (type = parquet) "
                    "match_by_column_name = case_insensitive on_error = abort_statement"
                )
                # file, status, rows parsed, rows loaded …
                loaded = sum(int(row[3]) for row in cursor.fetchall())
                cursor.execute("commit")
            except BaseException:
                cursor.execute("rollback")
                raise
        return loaded

    def _fetch(self, query: str, parameters: Sequence[str]) -> list[tuple[Any, ...]]:
        cursor = self._handle.cursor()
        cursor.execute(query, list(parameters) or None)
        return list(cursor.fetchall())

    def _batches(self, query: str, parameters: Sequence[str]) -> Iterator[pa.RecordBatch]:
        cursor = self._handle.cursor()
        cursor.execute(query, list(parameters) or None)
        # one chunk of the server at a time
        for table in cursor.fetch_arrow_batches():
            yield from table.to_batches(BATCH_ROWS)

    def _is_missing(self, error: Exception) -> bool:
        # object does not exist, invalid identifier
        return getattr(error, "errno", None) in (2003, 904, 2043)


class BigQuery(Warehouse):
    """BigQuery, by Google's client. Types have no length there; a timestamp is an instant."""

    _TYPES: ClassVar[dict[str, str]] = {
        "VARCHAR": "string",
        "BIGINT": "int64",
        "BOOLEAN": "bool",
        "TIMESTAMP": "timestamp",
        "DATE": "date",
    }

    def __init__(self, target: str, adapter: Any, handle: Any) -> None:
        """Know what Google's libraries raise."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError

        super().__init__(target, adapter, handle)
        self.errors = (GoogleAPIError, GoogleAuthError)

    def column(self, name: str) -> str:
        """Quote a name."""
        return "`" + name.replace("`", "") + "`"

    def type_of(self, kind: str) -> str:
        """Give BigQuery's type."""
        return "bignumeric" if kind.startswith("DECIMAL") else self._TYPES[kind]

    def value_of(self, kind: str) -> str:
        """Say that a timestamp is UTC: a project may have another zone by default."""
        return "timestamp(?, 'UTC')" if kind == "TIMESTAMP" else super().value_of(kind)

    def load_parquet(self, file: Path, table: str, *, replace: bool) -> int:
        """Run one load job from the file."""
        import pyarrow.parquet as pq
        from google.cloud.bigquery import LoadJobConfig, TableReference

        with self._explained():
            found = self._handle.get_table(TableReference.from_string(table.replace("`", "")))
            wanted = {name.lower() for name in pq.read_schema(file).names}
            config = LoadJobConfig(
                source_format="PARQUET",
                write_disposition="WRITE_TRUNCATE_DATA" if replace else "WRITE_APPEND",
                create_disposition="CREATE_NEVER",
                schema=[field for field in found.schema if field.name.lower() in wanted],
                labels=_LABELS,
            )
            with file.open("rb") as stream:
                job = self._handle.load_table_from_file(stream, found.reference, job_config=config)
            return int(job.result().output_rows or 0)

    def _run(
        self,
        query: str,
        parameters: Sequence[str],
        page_size: int | None = None,
        **retries: Any,
    ) -> Any:
        from google.cloud.bigquery import QueryJobConfig, ScalarQueryParameter

        settings = self._adapter.config.credentials
        limit = settings.maximum_bytes_billed
        config = QueryJobConfig(
            query_parameters=[ScalarQueryParameter(None, "STRING", text) for text in parameters],
            # where the project's plain names are looked up
            default_dataset=f"{settings.database}.{settings.schema}",
            labels=_LABELS,
            **({"maximum_bytes_billed": limit} if limit else {}),
        )
        job = self._handle.query(query, job_config=config, **retries)
        return job.result(page_size=page_size, **retries)

    def _fetch(self, query: str, parameters: Sequence[str]) -> list[tuple[Any, ...]]:
        from google.cloud.bigquery import DEFAULT_RETRY

        # by default a lost network is waited for ten minutes long, and then again
        retry = DEFAULT_RETRY.with_timeout(_PATIENCE)
        retries: dict[str, Any] = {"retry": retry, "job_retry": None}
        return [tuple(row.values()) for row in self._run(query, parameters, **retries)]

    def _batches(self, query: str, parameters: Sequence[str]) -> Iterator[pa.RecordBatch]:
        # pages are fetched ahead by a thread: two of them at most
        yield from self._run(query, parameters, BATCH_ROWS).to_arrow_iterable(max_queue_size=2)

    def _is_missing(self, error: Exception) -> bool:
        return getattr(error, "code", None) == 404 or "Unrecognized name" in str(error)


# of every job, so that its cost can be found
_LABELS = {"application": "focus-export"}
_KINDS: dict[str, type[Warehouse]] = {"snowflake": Snowflake, "bigquery": BigQuery}


@contextmanager
def open_warehouse(target: str, project: Project) -> Iterator[Warehouse]:
    """Open the target of the user's profile as dbt would.

    Raises UserError where the target is no warehouse, or can't be reached.
    """
    with _dbts_errors_explained(target):
        config = _read_profile(target, project)
        from dbt.adapters.factory import get_adapter, register_adapter, reset_adapters
        from dbt.mp_context import get_mp_context

        # dbt keeps one adapter of a kind, with the settings that it was first opened with
        reset_adapters()  # type: ignore[no-untyped-call]
        register_adapter(config, get_mp_context())
        adapter = get_adapter(config)
        try:
            with adapter.connection_named("focus-export"):
                handle = adapter.connections.get_thread_connection().handle
                yield _KINDS[config.credentials.type](target, adapter, handle)
        finally:
            adapter.cleanup_connections()


def describe_place(target: str, project: Project) -> dict[str, str]:
    """Tell where a target's tables lie and who reads them, without connecting; no secret is in it.

    Raises UserError where the target is no warehouse.
    """
    with _dbts_errors_explained(target):
        login = _read_profile(target, project).credentials
    names = ("type", "unique_field", "database", "schema", "user", "role")
    return {name: str(getattr(login, name)) for name in names if getattr(login, name, None)}


def _read_profile(target: str, project: Project) -> Any:
    import dbt_common.events  # noqa: F401 - sets the logger up that is taken away below
    from dbt.config.runtime import RuntimeConfig
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context
    from dbt_common.events.event_manager_client import cleanup_event_logger

    # dbt's own lines would stand in an extract on standard output
    cleanup_event_logger()
    arguments = argparse.Namespace(
        project_dir=str(project.path),
        profiles_dir=str(profiles_folder(project)),
        target=target,
        profile=None,
        vars={},
        threads=1,
        which="run",
        SEND_ANONYMOUS_USAGE_STATS=False,
    )
    set_invocation_context(dict(os.environ))
    set_from_args(arguments, None)
    config = RuntimeConfig.from_args(arguments)
    if config.credentials.type not in _KINDS:
        raise UserError(
            f"The target {target} is of the type {config.credentials.type}: "
            f"name one of {' or '.join(_KINDS)}."
        )
    return config


@contextmanager
def _dbts_errors_explained(target: str) -> Iterator[None]:
    check_warehouse(target)
    from dbt_common.exceptions import DbtBaseException

    try:
        yield
    except DbtBaseException as error:
        raise UserError(
            f"The target {target} can't be opened ({_shorten(error)}): "
            f"run `focus-export doctor --target {target}`."
        ) from None


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


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Give a warehouse's batch the names and types of `schema`.

    Names are compared without their case. Raises DataError where a value would lose digits.
    """
    places = {name.lower(): place for place, name in enumerate(batch.schema.names)}
    arrays = [_cast(batch.column(places[field.name.lower()]), field) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _cast(array: pa.Array, field: pa.Field) -> pa.Array:
    if pa.types.is_floating(array.type):
        raise DataError(f"The column {field.name} came as {array.type}, which is not exact.")
    try:
        if pa.types.is_timestamp(field.type):
            # instants become UTC; what lies below microseconds is cut off, as DuckDB does
            return array.cast(field.type, safe=False)
        if pa.types.is_integer(array.type) and pa.types.is_decimal(field.type):
            array = array.cast(pa.decimal128(_WIDEST, field.type.scale))
        return array.cast(field.type)
    except pa.ArrowInvalid as error:
        raise DataError(
            f"The column {field.name} holds a value that is no {field.type} ({_shorten(error)})."
        ) from None


def _file_url(file: Path) -> str:
    return "file://" + str(file).replace("\\", "/").replace("'", "\\'")


def _shorten(error: Exception) -> str:
    return hide_secrets(" ".join(str(error).split())).rstrip(".:")[:300]
