"""Every model, seed and raw table says what its rows and its columns are, and of real columns."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, rows_of

from exporter.project import load_project

Node = dict[str, Any]


@pytest.fixture(scope="module")
def manifest(demo_home: Path) -> Node:
    loaded: Node = json.loads((demo_home / "target" / "manifest.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def relations(demo_home: Path) -> dict[str, list[str]]:
    """Columns of every relation of the demo, in its order."""
    found: dict[str, list[str]] = {}
    for table, column in rows_of(
        demo_home / "ai_focus.duckdb",
        "select table_name, column_name from information_schema.columns"
        " order by table_name, ordinal_position",
    ):
        found.setdefault(table, []).append(column)
    return found


def nodes(manifest: Node, resource_type: str) -> dict[str, Node]:
    return {
        node["alias"]: node
        for node in manifest["nodes"].values()
        if node["resource_type"] == resource_type and node["package_name"] == "ai_focus"
    }


def undescribed(named: dict[str, Node]) -> list[str]:
    return [
        label
        for name, node in named.items()
        for label, description in [
            (name, node["description"]),
            *((f"{name}.{key}", column["description"]) for key, column in node["columns"].items()),
        ]
        if not description.strip()
    ]


@pytest.mark.parametrize("resource_type", ["model", "seed"])
def test_every_relation_and_column_has_a_description(manifest: Node, resource_type: str) -> None:
    assert undescribed(nodes(manifest, resource_type)) == []


@pytest.mark.parametrize("resource_type", ["model", "seed"])
def test_described_columns_are_the_columns_of_the_relation(
    manifest: Node, relations: dict[str, list[str]], resource_type: str
) -> None:
    described = {
        name: {column["name"] for column in node["columns"].values()}
        for name, node in nodes(manifest, resource_type).items()
    }
    built = {name: set(relations[name]) for name in described}
    wrong = {
        name: {
            "without a description": sorted(built[name] - described[name]),
            "described, but not there": sorted(described[name] - built[name]),
        }
        for name in described
        if built[name] != described[name]
    }
    assert wrong == {}


def test_every_model_says_its_grain(manifest: Node) -> None:
    silent = [
        name
        for name, node in nodes(manifest, "model").items()
        if "one row per " not in node["description"].lower()
    ]
    assert silent == []


def test_every_raw_table_and_column_has_a_description(manifest: Node) -> None:
    raw_tables = {node["name"]: node for node in manifest["sources"].values()}
    assert raw_tables
    assert undescribed(raw_tables) == []


def test_every_unit_test_is_the_projects_own_and_runs_at_home(manifest: Node) -> None:
    tests = [
        test
        for file in (ROOT / "models").rglob("*.yml")
        for test in yaml.safe_load(file.read_text(encoding="utf-8")).get("unit_tests", [])
    ]
    elsewhere = [
        test["name"]
        for test in tests
        if test.get("config", {}).get("enabled")
        not in (
            "{{ project_name == 'ai_focus' }}",
            # of what one engine alone does
            "{{ project_name == 'ai_focus' and target.type == 'duckdb' }}",
        )
    ]
    assert elsewhere == []
    assert len(tests) == len(manifest["unit_tests"]) > 200


def test_unit_tests_stand_beside_their_model_and_share_no_rows() -> None:
    for file in (ROOT / "models").rglob("*__unit_tests.yml"):
        text = file.read_text(encoding="utf-8")
        models = {test["model"] for test in yaml.safe_load(text)["unit_tests"]}
        assert models == {file.name.removeprefix("_").removesuffix("__unit_tests.yml")}
        beside = {model.stem for model in file.parent.glob("*.sql")}
        assert models <= beside, file.name
        for test in text.split("\n  - name: ")[1:]:
            # what stands in for a macro is no value of a test
            of_values = test.partition("given:")[2]
            anchors = set(re.findall(r"(?<![\w'])&(\w+)", of_values))
            aliases = set(re.findall(r"(?<![\w'])\*(\w+)", of_values))
            assert aliases <= anchors, (file.name, test.partition("\n")[0])


def test_every_model_of_a_usage_source_asks_whether_the_source_is_built() -> None:
    for source in load_project().usage_sources:
        files = list((ROOT / "models" / "staging" / source).glob("*.sql"))
        assert [file.stem for file in files] == [f"stg_{source}__usage"]
        for file in files:
            first = file.read_text(encoding="utf-8").splitlines()[0]
            assert f"enabled='{source}' in usage_sources()" in first, file.name


def test_the_demos_rows_are_seeds_only_where_they_are_read() -> None:
    seeds = [
        seed
        for file in (ROOT / "seeds").rglob("*.yml")
        for seed in yaml.safe_load(file.read_text(encoding="utf-8"))["seeds"]
    ]
    names = {file.stem for file in (ROOT / "seeds" / "sample").glob("*.csv")}
    of_demo = {
        seed["name"]
        for seed in seeds
        if seed.get("config", {}).get("enabled") == "{{ var('raw_origin') == 'seed' }}"
    }
    assert of_demo == names


def test_every_mart_has_an_enforced_contract(manifest: Node) -> None:
    loose = [
        name
        for name, node in nodes(manifest, "model").items()
        # a mart under its unversioned name repeats the columns of a version that is contracted
        if node["path"].startswith("marts") and not node["name"].endswith("_latest")
        if not node["config"]["contract"]["enforced"]
    ]
    assert loose == []


def test_marts_are_public_and_what_they_are_made_of_is_private(manifest: Node) -> None:
    found = {
        (node["path"].partition("/")[0], node["config"]["access"], node["config"]["group"])
        for node in nodes(manifest, "model").values()
    }
    assert found == {
        ("staging", "private", "ai_focus"),
        ("intermediate", "private", "ai_focus"),
        ("marts", "public", "ai_focus"),
    }


def test_every_extract_is_an_exposure(manifest: Node) -> None:
    exposed = {
        manifest["nodes"][unique_id]["alias"]
        for exposure in manifest["exposures"].values()
        for unique_id in exposure["depends_on"]["nodes"]
    }
    extracted = {
        name
        for name in nodes(manifest, "model")
        if name == "ai_calls" or (name.startswith("focus_") and "_v1_" in name)
    }
    assert extracted <= exposed
