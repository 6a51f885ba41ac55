"""Builds this project with dbt on one target, in a process of its own, and fills raw tables."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RAW_SCHEMA = "raw_ai"
RawRow = Mapping[str, str | None]


class Target:
    """A target of profiles.yml with its environment; builds leave their artifacts in `folder`."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._environment = {
            **os.environ,
            "DBT_PROFILES_DIR": str(ROOT),
            "DBT_TARGET_PATH": str(folder / "target"),
            "DBT_LOG_PATH": str(folder / "logs"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "NO_COLOR": "1",
            **environment,
        }

    @property
    def manifest(self) -> Path:
        """What dbt knew in the last build."""
        return self.folder / "target" / "manifest.json"

    def build(
        self, *arguments: str, variables: Mapping[str, object] | None = None
    ) -> Counter[tuple[str, str]]:
        """Run `dbt build`; give (kind of node, status) -> count. Anything that fails is raised."""
        command = [sys.executable, "-m", "dbt.cli.main", "--quiet", "build", "--target", self.name]
        command += ["--project-dir", str(ROOT), *arguments]
        command += ["--vars", json.dumps(dict(variables or {}))]
        done = subprocess.run(
            command, env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"dbt build on {self.name}:\n{done.stdout}{done.stderr}"
        results = json.loads((self.folder / "target" / "run_results.json").read_text("utf-8"))
        return Counter(
            (result["unique_id"].split(".")[0], result["status"]) for result in results["results"]
        )


def raw_columns() -> dict[str, list[str]]:
    """Give the raw tables of the project with the names of their columns."""
    return {
        table["name"]: [column["name"] for column in table["columns"]]
        for path in sorted((ROOT / "models" / "staging").glob("*/_*__sources.yml"))
        for source in yaml.safe_load(path.read_text("utf-8"))["sources"]
        for table in source["tables"]
    }


def read_csv(path: Path) -> list[RawRow]:
    """Give the rows of a CSV file; an empty field is null."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: value or None for name, value in row.items()} for row in csv.DictReader(file)
        ]


def read_jsonl(path: Path) -> list[RawRow]:
    """Give the objects of a JSON lines file, values as text, numbers as they are written."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        written = json.loads(line, parse_float=str, parse_int=str)
        rows.append({name: _text(values[name], written[name]) for name in values})
    return rows


def _text(value: Any, written: Any) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    return written or None


def fill_raw_tables(
    connection: Any,
    rows: Mapping[str, Sequence[RawRow]],
    *,
    quote: str = '"',
    upper: bool = False,
    text: str = "varchar",
    escape: Iterable[tuple[str, str]] = (("'", "''"),),
) -> None:
    """Make every raw table anew, all text, with the given rows; the others stay empty."""
    cursor = connection.cursor()
    cursor.execute(f"create schema if not exists {RAW_SCHEMA}")
    for table, columns in raw_columns().items():
        names = [f"{quote}{column.upper() if upper else column}{quote}" for column in columns]
        types = ", ".join(f"{name} {text}" for name in names)
        cursor.execute(f"create or replace table {RAW_SCHEMA}.{table} ({types})")
        lines = [
            "(" + ", ".join(_literal(row.get(column), escape) for column in columns) + ")"
            for row in rows.get(table, ())
        ]
        for start in range(0, len(lines), 250):
            values = ",\n".join(lines[start : start + 250])
            cursor.execute(f"insert into {RAW_SCHEMA}.{table} values {values}")


def _literal(value: str | None, escape: Iterable[tuple[str, str]]) -> str:
    if value is None:
        return "null"
    for found, put in escape:
        value = value.replace(found, put)
    return f"'{value}'"
