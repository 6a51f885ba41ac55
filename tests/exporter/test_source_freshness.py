"""`dbt source freshness` on raw tables that a loader has left in DuckDB."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import environment
from shared import parsed_once


def freshness(folder: Path, **variables: object) -> dict[str, tuple[str, str]]:
    """Run it; gives the status and the latest stamp of each raw table that has one."""
    project = folder / "project"
    settings = {
        # by its name alone, or dbt would parse anew for each
        "AI_FOCUS_DATABASE": "raw.duckdb",
        "DBT_PROFILES_DIR": str(project),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    values = json.dumps({"raw_schema": "landing", **variables})
    options = ["--quiet", "--project-dir", str(project), "--vars", values]
    with parsed_once(f"freshness {values}", folder / "target") as parsed:
        subprocess.run(
            ["dbt", "source", "freshness", *options],
            cwd=folder,
            env={**environment(), **settings, **parsed, "PATH": os.environ["PATH"]},
            check=False,
        )
    found: list[dict[str, Any]] = json.loads((folder / "target" / "sources.json").read_text())[
        "results"
    ]
    return {
        it["unique_id"].rsplit(".", 1)[-1]: (it["status"], it.get("max_loaded_at", "")[:19])
        for it in found
    }


@pytest.fixture
def folder(small_checkout: Path, tmp_path: Path) -> Path:
    """A database whose gateway was last heard two days ago, LiteLLM an hour ago by its inserts."""
    (tmp_path / "project").symlink_to(small_checkout)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    zoned = (now - timedelta(hours=48)).astimezone(timezone(timedelta(hours=2)))
    with duckdb.connect(str(tmp_path / "raw.duckdb")) as connection:
        connection.execute("create schema landing")
        connection.execute("create table landing.gateway_calls (call_id text, ingested_at text)")
        connection.executemany(
            "insert into landing.gateway_calls values (?, ?)",
            [("a", zoned.isoformat()), ("b", ""), ("c", None), ("d", "2026-01-01")],
        )
        connection.execute(
            "create table landing.litellm_spend_logs (updated_at text, created_at timestamp)"
        )
        connection.execute(
            "insert into landing.litellm_spend_logs values (null, ?), ('2026-01-01 00:00:00', ?)",
            [(now - timedelta(hours=1)).replace(tzinfo=None), now.replace(tzinfo=None)],
        )
    return tmp_path


def test_a_log_is_as_fresh_as_its_latest_stamp(folder: Path) -> None:
    with duckdb.connect(str(folder / "raw.duckdb")) as connection:
        [(stamp,)] = connection.execute(
            "select strftime(max(try_cast(ingested_at as timestamptz)) at time zone 'UTC',"
            " '%Y-%m-%dT%H:%M:%S') from landing.gateway_calls"
        ).fetchall()
    found = freshness(folder)
    assert found["gateway_calls"] == ("warn", stamp)
    assert found["litellm_spend_logs"][0] == "pass"
    # what is no log has no stamp to go by
    assert set(found) == {"gateway_calls", "litellm_spend_logs"}


def test_a_log_without_stamps_is_never_late_and_one_that_is_not_there_is_an_error(
    folder: Path,
) -> None:
    with duckdb.connect(str(folder / "raw.duckdb")) as connection:
        connection.execute("alter table landing.gateway_calls drop column ingested_at")
        connection.execute("alter table landing.litellm_spend_logs drop column created_at")
    found = freshness(folder)
    assert found["gateway_calls"][0] == "pass"
    assert found["litellm_spend_logs"] == ("error", "2026-01-01T00:00:00")
    with duckdb.connect(str(folder / "raw.duckdb")) as connection:
        connection.execute("drop table landing.gateway_calls")
    # dbt names it on standard output, and has no result of what it could not ask
    assert set(freshness(folder)) == {"litellm_spend_logs"}


def test_what_stands_for_a_log_is_asked_for_its_stamps_unless_it_is_a_model(folder: Path) -> None:
    with duckdb.connect(str(folder / "raw.duckdb")) as connection:
        connection.execute("alter table landing.gateway_calls rename to preferred_calls")
    found = freshness(folder, raw_tables={"gateway_calls": "preferred_calls"})
    assert found["gateway_calls"][0] == "warn"
    found = freshness(folder, raw_tables={"gateway_calls": {"ref": "raw_gateway_calls"}})
    assert found["gateway_calls"][0] == "pass"


def test_the_hours_are_variables_and_a_table_that_is_not_there_is_not_late(folder: Path) -> None:
    found = freshness(
        folder,
        freshness_warn_hours=None,
        freshness_error_hours=47,
        raw_tables={"litellm_spend_logs": None},
    )
    assert {name: status for name, (status, _) in found.items()} == {
        "gateway_calls": "error",
        "litellm_spend_logs": "pass",
    }
