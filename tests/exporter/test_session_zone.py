"""Timestamps are UTC whatever zone the database session is in."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

from conftest import ROOT, environment, rows_of

from exporter.project import load_project
from exporter.raw.plan import RAW_FILES, plan_files

COLUMNS = [
    "call_id",
    "provider",
    "model",
    "started_at",
    "ended_at",
    "prompt_tokens",
    "completion_tokens",
    "ingested_at",
]

# sent start -> the same instant in UTC; the zone of the session is New York
STARTS = {
    "2026-08-01T01:00:00Z": "2026-08-01T01:00:00",
    "2026-08-01T01:00:00+02:00": "2026-07-31T23:00:00",
    "2026-08-01T01:00:00+0530": "2026-07-31T19:30:00",
    "2026-08-01T01:00:00": "2026-08-01T01:00:00",
    "2026-08-01 01:00:00.123456789": "2026-08-01T01:00:00.123456",
    "2026-08-01 01:00:00 UTC": "2026-08-01T01:00:00",
    # an hour that New York's clocks leave out, and one that they show twice
    "2026-03-08T02:30:00": "2026-03-08T02:30:00",
    "2026-03-08T02:30:00Z": "2026-03-08T02:30:00",
    "2026-11-01T01:30:00": "2026-11-01T01:30:00",
    "2026-11-01T05:30:00Z": "2026-11-01T05:30:00",
}


def test_a_session_in_another_zone_gives_the_same_timestamps(tmp_path: Path) -> None:
    log = tmp_path / "calls.csv"
    with log.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, start in enumerate(STARTS):
            # an offset that is not the session's: reading it as local time would shift the end
            writer.writerow(
                [number, "openai", "gpt-5", start, "2026-12-01T00:00:00+01:00", 10, 5, start]
            )
    profile = (ROOT / "profiles.yml").read_text()
    assert "TimeZone: UTC" in profile
    (tmp_path / "profiles.yml").write_text(
        profile.replace("TimeZone: UTC", "TimeZone: America/New_York")
    )
    plan = plan_files("gateway", [log], load_project())
    plan.write(tmp_path)
    variables = plan.variables() | {"raw_files": str(tmp_path / RAW_FILES)}
    database = tmp_path / "zone.duckdb"
    arguments = ["build", "--project-dir", str(ROOT), "--profiles-dir", str(tmp_path)]
    arguments += ["--select", "+stg_gateway__usage", "--vars", json.dumps(variables)]
    arguments += ["--exclude-resource-types", "test", "unit_test"]
    result = subprocess.run(
        [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *arguments],
        capture_output=True,
        text=True,
        env={
            **environment(),
            "AI_FOCUS_DATABASE": str(database),
            "DBT_TARGET_PATH": str(tmp_path / "target"),
            "DBT_LOG_PATH": str(tmp_path / "logs"),
        },
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr

    rows = rows_of(
        database,
        "select call_id, started_at, ended_at, ingested_at from stg_gateway__usage",
    )
    end = datetime(2026, 11, 30, 23)
    expected = {
        str(number): (datetime.fromisoformat(start), end, datetime.fromisoformat(start))
        for number, start in enumerate(STARTS.values())
    }
    assert {call: (start, ended, sent) for call, start, ended, sent in rows} == expected
