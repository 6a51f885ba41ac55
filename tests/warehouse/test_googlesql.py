"""GoogleSQL's own analyzer reads what is compiled for BigQuery: it is stricter than the emulator.

It needs a Python with requirements-bigquery.txt: see test_bigquery.py.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from compiled import ROOT, compile_project
from wrapper import EMULATOR_PYTHON

pytestmark = pytest.mark.skipif(
    EMULATOR_PYTHON not in os.environ,
    reason=f"{EMULATOR_PYTHON} names no Python with requirements-bigquery.txt",
)


def googlesql(*targets: Path) -> subprocess.CompletedProcess[str]:
    check = ROOT / "tests" / "warehouse" / "googlesql_check.py"
    return subprocess.run(
        [os.environ[EMULATOR_PYTHON], str(check), *map(str, targets)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_googlesql_finds_no_fault_in_any_statement() -> None:
    done = googlesql(compile_project("bigquery") / "target")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 faults" in done.stdout
    assert int(done.stdout.split()[0]) > 280


FAULTS = {
    "select name from `p`.`d`.`known` union select 'x'": "DISTINCT",
    "select name::string from `p`.`d`.`known`": "Syntax error",
    "select count(*) filter (where true) as n from `p`.`d`.`known`": "Syntax error",
    "select strftime(name, '%Y') as n from `p`.`d`.`known`": "Function not found: strftime",
    "select date_trunc('day', current_date()) as n": "invalid date part",
    "select 'it''s' as n": "whitespace",
    "select cast('1' as numeric) as n": "TYPE_NUMERIC",
    "select 1 / 2 as n": "TYPE_DOUBLE",
    "select timestamp '2026-01-01' > datetime '2026-01-01' as n": "DATETIME",
    "select a.name from `p`.`d`.`known` as a left join `p`.`d`.`known` as b"
    " on a.name < b.name": "without an equality",
    "select a.name from `p`.`d`.`known` as a left join `p`.`d`.`known` as b"
    " on b.name = 'x'": "without an equality",
}
FAULTLESS = (
    "select a.name from `p`.`d`.`known` as a left join `p`.`d`.`known` as b"
    " on a.name = b.name and a.name <> 'x'"
)


def test_googlesql_finds_every_planted_fault(tmp_path: Path) -> None:
    known = {
        "resource_type": "seed",
        "alias": "known",
        "relation_name": "`p`.`d`.`known`",
        "config": {"column_types": {"name": "string"}},
        "columns": {},
    }
    folders = []
    for number, sql in enumerate([*FAULTS, FAULTLESS]):
        planted = {
            "resource_type": "model",
            "alias": "planted",
            "relation_name": "`p`.`d`.`planted`",
            "config": {"materialized": "view"},
            "columns": {},
            "compiled_code": sql,
        }
        manifest = {
            "nodes": {"seed.known": known, "model.planted": planted},
            "sources": {},
            "parent_map": {"seed.known": [], "model.planted": ["seed.known"]},
        }
        folders.append(tmp_path / f"planted{number}")
        folders[-1].mkdir()
        (folders[-1] / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    done = googlesql(*folders)
    assert done.returncode == 1, done.stdout + done.stderr
    *said, of_faultless = done.stdout.split("deep at most\n")[: len(folders)]
    for (sql, expected), found in zip(FAULTS.items(), said, strict=True):
        assert expected in found, f"{sql}:\n{found}"
    assert " 0 faults" in of_faultless
