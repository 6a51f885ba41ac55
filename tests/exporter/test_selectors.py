"""selectors.yml: what one runs by a name, and that the page names each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

PAGE = ROOT / "docs" / "package.md"
SELECTORS = yaml.safe_load((ROOT / "selectors.yml").read_text(encoding="utf-8"))["selectors"]
List = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> List:
    """Give what `dbt ls` lists; the project is parsed once for all."""
    folder = tmp_path_factory.mktemp("selectors")
    own = ("AI_FOCUS_", "DBT_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(own)}
    environment |= {
        "AI_FOCUS_DATABASE": str(folder / "ai_focus.duckdb"),
        "DBT_PROFILES_DIR": str(ROOT),
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    keys = ("name", "resource_type", "tags", "original_file_path")
    listing = ("ls", "--output", "json", "--output-keys", *keys)

    def run(*arguments: str) -> list[dict[str, Any]]:
        result = subprocess.run(
            [sys.executable, "-m", "dbt.cli.main", "--quiet", *listing, *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    return run


def _kinds(nodes: list[dict[str, Any]]) -> set[str]:
    return {node["resource_type"] for node in nodes}


def _models(nodes: list[dict[str, Any]]) -> set[str]:
    return {Path(n["original_file_path"]).stem for n in nodes if n["resource_type"] == "model"}


def _files(*patterns: str) -> set[str]:
    return {file.stem for pattern in patterns for file in (ROOT / "models").glob(pattern)}


def test_daily_is_everything_but_unit_tests(listed: List) -> None:
    everything, daily = listed(), listed("--selector", "daily")
    assert "unit_test" in _kinds(everything)
    # a source is nothing that runs
    left_out = ("unit_test", "source")
    assert daily == [node for node in everything if node["resource_type"] not in left_out]


@pytest.mark.parametrize(("name", "folder"), [("marts", "marts"), ("focus", "marts/focus")])
def test_marts_come_with_all_that_they_are_made_of(listed: List, name: str, folder: str) -> None:
    nodes = listed("--selector", name)
    assert _kinds(nodes) >= {"model", "seed", "test"}
    assert "unit_test" not in _kinds(nodes)
    assert _models(nodes) >= _files(f"{folder}/**/*.sql") | {"int_charges", "stg_gateway__usage"}


def test_focus_leaves_out_the_marts_that_it_does_not_need(listed: List) -> None:
    assert "cloudzero_cbf" not in _models(listed("--selector", "focus"))


def test_prices_are_the_price_book_alone(listed: List) -> None:
    nodes = listed("--selector", "prices")
    assert _models(nodes) == _files("staging/pricing/*.sql", "intermediate/prices/*.sql")
    seeds = {node["name"] for node in nodes if node["resource_type"] == "seed"}
    assert seeds == {file.stem for file in (ROOT / "seeds" / "pricing").glob("*.csv")}
    assert "unit_test" not in _kinds(nodes)


def test_every_selector_says_what_it_is_and_stands_in_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for selector in SELECTORS:
        assert selector["description"].strip(), selector["name"]
        assert f"| `--selector {selector['name']}` |" in page
