"""What the tests of `focus-export` on warehouses share: emulators, and the command line on them."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shared import WHOLE

from exporter.project import load_project
from exporter.warehouse.adapters import Warehouse
from exporter.warehouse.connection import describe_place, open_warehouse
from exporter.warehouse.record import BuildRecord, read_record

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
only_whole = pytest.mark.skipif(WHOLE not in os.environ, reason=f"{WHOLE} is not set")
# a Python with the packages of requirements-bigquery.txt, which can't live beside dbt's
EMULATOR_PYTHON = "AI_FOCUS_BIGQUERY_PYTHON"


@dataclass(frozen=True)
class Emulated:
    """A target and the settings by which the project's own profile reaches its emulator."""

    target: str
    settings: dict[str, str]

    def environment(self) -> dict[str, str]:
        """The caller's environment with these settings and no others."""
        own = ("AI_FOCUS_", "SNOWFLAKE_", "BIGQUERY_", "DBT_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **self.settings}

    def run(
        self, *arguments: str | Path, code: int | None = 0, timeout: float = 1800
    ) -> subprocess.CompletedProcess[str]:
        """Run the command line on the target; any other exit code than `code` is raised."""
        result = subprocess.run(
            [sys.executable, "-m", "exporter.cli", *map(str, arguments), "--target", self.target],
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=timeout,
            check=False,
        )
        assert code is None or result.returncode == code, result.stdout + result.stderr
        return result

    def in_schema(self, name: str) -> Emulated:
        """The same with another database (Snowflake) or dataset (BigQuery)."""
        key = {"snowflake": "SNOWFLAKE_DATABASE", "bigquery": "BIGQUERY_DATASET"}[self.target]
        return Emulated(self.target, {**self.settings, key: name})

    @contextmanager
    def in_process(self) -> Iterator[Emulated]:
        """Give the same; this process has the settings, for code that opens the target in it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("DBT_PROFILES_DIR", raising=False)
            for name, value in {**self.settings, "AI_FOCUS_TARGET": self.target}.items():
                patch.setenv(name, value)
            yield self

    def connect(self) -> Any:
        """Open a DB-API connection by the maker's own driver."""
        if self.target == "snowflake":
            import snowflake.connector

            names = ("account", "user", "password", "host", "port", "protocol", "schema")
            return snowflake.connector.connect(
                **{name: self.settings[f"SNOWFLAKE_{name.upper()}"] for name in names},
                database=self.settings.get("SNOWFLAKE_DATABASE"),
                session_parameters={"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False},
            )
        from google.cloud.bigquery import dbapi

        return dbapi.connect(self.client(), prefer_bqstorage_client=False)

    def client(self) -> Any:
        """Open Google's client for BigQuery's emulator."""
        from google.api_core.client_options import ClientOptions
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import bigquery

        return bigquery.Client(
            project=self.settings["BIGQUERY_PROJECT"],
            credentials=AnonymousCredentials(),
            client_options=ClientOptions(api_endpoint=self.settings["BIGQUERY_API_ENDPOINT"]),
        )


@contextmanager
def emulate(target: str, folder: Path) -> Iterator[Emulated]:
    """Start an emulator on a free port of loopback; skips the test where it is not installed."""
    with {"snowflake": _snowflake, "bigquery": _bigquery}[target](folder) as emulated:
        yield emulated


@contextmanager
def _snowflake(_folder: Path) -> Iterator[Emulated]:
    pytest.importorskip("fakesnow", reason="fakesnow is not installed: requirements-snowflake.txt")
    # it stops when its standard input closes
    with subprocess.Popen(
        [sys.executable, str(HERE / "fakesnow_server.py"), "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        ready = re.search(r"ready on port (\d+)", server.stdout.readline())
        assert ready, "the server did not start"
        yield Emulated(
            "snowflake",
            {
                "SNOWFLAKE_ACCOUNT": "fakesnow",
                "SNOWFLAKE_USER": "fake",
                "SNOWFLAKE_PASSWORD": "snow",
                "SNOWFLAKE_HOST": "127.0.0.1",
                "SNOWFLAKE_PORT": ready[1],
                "SNOWFLAKE_PROTOCOL": "http",
                "SNOWFLAKE_SCHEMA": "ai_focus",
                "AI_FOCUS_THREADS": "2",
            },
        )
        server.stdin.close()


@contextmanager
def _bigquery(folder: Path) -> Iterator[Emulated]:
    python = os.environ.get(EMULATOR_PYTHON)
    if not python:
        pytest.skip(f"{EMULATOR_PYTHON} names no Python with requirements-bigquery.txt")
    port = _free_ports()
    server = subprocess.Popen(
        [python, str(HERE / "bigquery_server.py"), str(port), str(folder / "server")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/bigquery/v2/projects/ai-focus/datasets", server)
        yield Emulated(
            "bigquery",
            {
                "BIGQUERY_METHOD": "oauth-secrets",
                "BIGQUERY_TOKEN": "token",
                "BIGQUERY_PROJECT": "ai-focus",
                "BIGQUERY_API_ENDPOINT": address,
                "BIGQUERY_JOB_RETRIES": "0",
                "AI_FOCUS_THREADS": "2",
            },
        )
    finally:
        server.terminate()
        server.wait(timeout=60)


def _free_ports() -> int:
    """Give a port of loopback that is free together with the next: the server takes both."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until:
        assert server.poll() is None, "the server did not start"
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError("the server does not answer")


@contextmanager
def recorded(emulated: Emulated, record: BuildRecord | None) -> Iterator[None]:
    """Let the target say of which build its tables are, or nothing, until the block ends."""
    with open_warehouse(emulated.target, load_project()) as warehouse:
        before = read_record(warehouse)
        write_record(warehouse, record)
    try:
        yield
    finally:
        with open_warehouse(emulated.target, load_project()) as warehouse:
            write_record(warehouse, before)


def write_record(warehouse: Warehouse, record: BuildRecord | None) -> None:
    """Write which build the tables are of, as macros/build_record.sql does; an empty one goes."""
    if record in (None, BuildRecord()):
        warehouse.fetch("drop table if exists ai_focus_build")
        return
    null = f"cast(null as {warehouse.type_of('VARCHAR')})"
    columns = ", ".join(
        (null if value is None else f"'{value}'") + f" as {name}"
        for name, value in vars(record).items()
    )
    warehouse.fetch(f"create or replace table ai_focus_build as select {columns}")


def make_schema(warehouse: Warehouse, name: str | None = None) -> str:
    """Make the target's schema, or another beside it; gives its name as the target spells it."""
    place = describe_place(warehouse.target, load_project())
    schema = f"{place['database']}.{name or place['schema']}"
    if place["type"] == "snowflake":
        warehouse.fetch(f"create database if not exists {place['database']}")
    else:
        schema = f"`{place['database']}`.`{name or place['schema']}`"
    warehouse.fetch(f"create schema if not exists {schema}")
    return schema
