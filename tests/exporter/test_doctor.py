"""`focus-export doctor` on DuckDB: content with the project, not with one of wrong macros."""

from __future__ import annotations

import shutil
from pathlib import Path

from conftest import focus_export

CHECKS = ["adapter", "connection", "rights", "column names", "money", "time", "json", "raw tables"]
# (file, what stands there, what is planted, the check that must see it)
MUTATIONS = [
    (
        "macros/money.sql",
        "as decimal(18, 6)) as decimal(38, 18))",
        "as double) as decimal(38, 18))",
    ),
    ("macros/time.sql", "timezone('UTC', try_cast", "timezone('Asia/Tokyo', try_cast"),
    (
        "macros/json.sql",
        "json_extract_string({{ expression }}, '$.",
        "json_extract({{ expression }}, '$.",
    ),
]


def test_the_doctor_is_content_with_duckdb(tmp_path: Path) -> None:
    result = focus_export("doctor", cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    lines = [line.partition(":")[0] for line in result.stdout.splitlines()]
    assert lines == [f"ok      {check}" for check in CHECKS]


def test_the_doctor_sees_what_is_wrong(small_checkout: Path, tmp_path: Path) -> None:
    checkout = Path(shutil.copytree(small_checkout, tmp_path / "checkout"))
    for file, there, planted in MUTATIONS:
        text = (checkout / file).read_text(encoding="utf-8")
        assert there in text
        (checkout / file).write_text(text.replace(there, planted), encoding="utf-8")
    result = focus_export("doctor", cwd=tmp_path, variables={"PYTHONPATH": str(checkout)})
    assert result.returncode == 1, result.stdout + result.stderr
    failed = [line for line in result.stdout.splitlines() if line.startswith("failed")]
    assert [line.partition(":")[0].split()[1] for line in failed] == ["money", "time", "json"]
    assert "wrong: product" in failed[0]
    assert "wrong: offset, Z" in failed[1]
    assert "Do not trust a cost there" in result.stdout


def test_a_target_that_cannot_be_reached_fails_one_check(
    small_checkout: Path, tmp_path: Path
) -> None:
    (tmp_path / "profiles.yml").write_text(
        "ai_focus:\n  target: mine\n  outputs:\n"
        f"    mine: {{type: duckdb, path: {tmp_path / 'none' / 'x.duckdb'}}}\n"
    )
    result = focus_export(
        *("doctor", "--target", "mine"),
        cwd=tmp_path,
        variables={"DBT_PROFILES_DIR": str(tmp_path), "PYTHONPATH": str(small_checkout)},
    )
    assert result.returncode == 1
    failed = [line for line in result.stdout.splitlines() if line.startswith("failed")]
    assert len(failed) == 1
    assert failed[0].startswith("failed  connection:")


def test_what_a_target_says_is_shown_without_secrets(small_checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "profiles.yml").write_text(
        "ai_focus:\n  target: mine\n  outputs:\n"
        f"    mine: {{type: duckdb, path: {tmp_path / 'hunter2-hunter2' / 'x.duckdb'}}}\n"
    )
    result = focus_export(
        *("doctor", "--target", "mine"),
        cwd=tmp_path,
        variables={
            "DBT_PROFILES_DIR": str(tmp_path),
            "PYTHONPATH": str(small_checkout),
            "SNOWFLAKE_PASSWORD": "hunter2-hunter2",
        },
    )
    assert "/***/x.duckdb" in result.stdout
    assert "hunter2" not in result.stdout + result.stderr
