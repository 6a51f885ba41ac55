"""What the warehouses have in common, and where they differ: names, types, parameters, bulk paths.

Rows come as Arrow batches over the connection that dbt has opened.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from exporter.errors import DataError, UserError
from exporter.targets import shorten

# rows that are held at once
BATCH_ROWS = 20_000
# digits that a whole number may have on its way into a decimal
_WIDEST = 38
# seconds for which a short query that BigQuery did not answer is sent again
_PATIENCE = 60
# of every job of BigQuery, so that its cost can be found
_LABELS = {"application": "focus-export"}


class MissingTableError(UserError):
    """The target has no such table, or the table no such column."""


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
            words, target = _words(error), self.target
            if self._is_missing(error):
                raise MissingTableError(
                    f"The target {target} lacks a table or a column ({words}): "
                    f"run `focus-export build --target {target}`."
                ) from None
            raise UserError(
                f"The target {target} refused a query ({words}): "
                f"run `focus-export doctor --target {target}`."
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
        self, query: str, parameters: Sequence[str], page_size: int | None = None, **retries: Any
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


KINDS: dict[str, type[Warehouse]] = {"snowflake": Snowflake, "bigquery": BigQuery}


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
            f"The column {field.name} holds a value that is no {field.type} ({_words(error)})."
        ) from None


def _file_url(file: Path) -> str:
    return "file://" + str(file).replace("\\", "/").replace("'", "\\'")


def _words(error: Exception) -> str:
    return shorten(str(error)).rstrip(".:")
