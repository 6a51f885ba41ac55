"""The common columns of usage records stand in one CSV, and nowhere otherwise."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exporter.project import load_project

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = Path("models/staging/usage_columns.csv")
SOURCES = load_project().usage_sources
GENERATED = (
    "macros/usage_columns.sql",
    "models/intermediate/usage/_usage_records__models.yml",
    *(f"models/staging/{source}/_{source}__models.yml" for source in SOURCES),
)


def generate(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = str(root / "scripts" / "generate_usage_columns.py")
    return subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what the script reads and writes."""
    for name in ("scripts", "models", "macros", "seeds/reference"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("node_modules"))
    return tmp_path


def test_the_files_are_committed_as_the_script_writes_them() -> None:
    checked = generate(ROOT, "--check")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_a_new_column_is_written_everywhere_and_what_stands_around_it_is_kept(copy: Path) -> None:
    with (copy / COLUMNS).open("a", encoding="utf-8") as file:
        file.write("colour,text,usage,null,status\n")
    checked = generate(copy, "--check")
    assert checked.returncode == 1
    assert sorted(line.split()[0] for line in checked.stderr.splitlines()) == sorted(GENERATED)
    before = {name: (copy / name).read_text("utf-8") for name in GENERATED}
    assert generate(copy).returncode == 0
    for name in GENERATED:
        text = (copy / name).read_text("utf-8")
        lines = [line for line in text.splitlines() if "colour" in line]
        assert lines, name
        kept = set(before[name].splitlines())
        assert kept <= set(text.splitlines()), name
    assert generate(copy, "--check").returncode == 0


def test_a_new_meter_is_a_row_of_the_seed(copy: Path) -> None:
    with (copy / "seeds/reference/ai_meters.csv").open("a", encoding="utf-8") as file:
        file.write(
            "page,Pages,,,,,Pages,1000 Pages,1000,page_count,blank_pages title_pages,input\n"
        )
    checked = generate(copy, "--check")
    assert checked.returncode == 1
    assert checked.stderr == (
        "macros/usage_meters.sql is not what seeds/reference/ai_meters.csv says:"
        " run generate_usage_columns.py\n"
    )
    assert generate(copy).returncode == 0
    text = (copy / "macros/usage_meters.sql").read_text("utf-8")
    assert (
        "{'meter': 'page', 'counted_in': 'page_count', 'less': ['blank_pages', 'title_pages'],"
        " 'counted_after': 'input'}" in text
    )


def test_a_source_whose_model_is_in_no_yaml_is_named(copy: Path) -> None:
    file = copy / "models/staging/gateway/_gateway__models.yml"
    file.write_text(file.read_text("utf-8").replace("stg_gateway__usage", "stg_gateway__use"))
    refused = generate(copy)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "No YAML describes stg_gateway__usage.\n"


def test_sources_and_union_are_under_one_contract() -> None:
    with (ROOT / COLUMNS).open(newline="", encoding="utf-8") as file:
        names = [row["column_name"] for row in csv.DictReader(file)]
    contracts = {}
    for path in GENERATED[1:]:
        for model in yaml.safe_load((ROOT / path).read_text("utf-8"))["models"]:
            if model["name"] not in ("int_usage_counted", "int_usage_repeated"):
                assert model["config"]["contract"]["enforced"] is True
                contracts[model["name"]] = model["columns"]
    union = contracts.pop("int_usage_records")
    assert [column["name"] for column in union] == names
    assert contracts.keys() == {f"stg_{source}__usage" for source in SOURCES}
    for columns in contracts.values():
        assert columns == [column for column in union if column["name"] != "source_name"]
