"""The variable focus_versions: older versions that are not in it are not built, and it is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import httpx
import pytest
from api_client import copy_home, serve
from conftest import ROOT, assert_one_sentence, focus_export

OLDER = ("1.3", "1.2", "1.1", "1.0")
GRAINS = ("focus_cost_and_usage", "focus_cost_and_usage_daily", "focus_cost_and_usage_monthly")


@pytest.mark.parametrize("versions", [["1.3"], [1.1, 1.4]])
def test_what_is_not_asked_for_is_not_in_the_project_and_nothing_warns(
    tmp_path: Path, versions: list[object]
) -> None:
    own = ("AI_FOCUS_", "DBT_")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(own)}
    environment |= {
        "AI_FOCUS_DATABASE": str(tmp_path / "ai_focus.duckdb"),
        "DBT_PROFILES_DIR": str(ROOT),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
        "DBT_LOG_PATH": str(tmp_path / "logs"),
    }
    command = ("-m", "dbt.cli.main", "--quiet", "--warn-error", "ls", "--output", "json")
    given = ("--vars", json.dumps({"focus_versions": versions}))
    result = subprocess.run(
        [sys.executable, *command, "--output-keys", "name", "alias", "resource_type", *given],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    nodes = [json.loads(line) for line in result.stdout.splitlines()]
    models = {node["alias"] for node in nodes if node["resource_type"] == "model"}
    others = {node["name"] for node in nodes if node["resource_type"] != "model"}
    for version in OLDER:
        suffix = f"v{version.replace('.', '_')}"
        is_asked = version in map(str, versions)
        relations = {f"{name}_{suffix}" for name in GRAINS}
        if version == "1.3":
            relations.add(f"focus_contract_commitment_{suffix}")
        assert relations & models == (relations if is_asked else set())
        assert (f"focus_cost_and_usage_{suffix}_keeps_the_focus_rules" in others) == is_asked
        assert (f"focus_{suffix}_extracts" in others) == is_asked
    # the newest is what a name without a version stands for
    newest = {f"{name}{suffix}" for name in GRAINS for suffix in ("", "_v1_4")}
    assert newest <= models


@pytest.mark.parametrize("value", ["[1.4, '2.0']", "'1.4'", "7"])
def test_a_version_that_focus_has_not_is_refused(
    small_checkout: Path, tmp_path: Path, value: str
) -> None:
    result = focus_export(
        *("build", "--vars", f"{{focus_versions: {value}}}"),
        cwd=tmp_path,
        variables={"PYTHONPATH": str(small_checkout)},
    )
    said = "FOCUS has 1.4, 1.3, 1.2, 1.1, 1.0: it must be a list of some of these."
    assert_one_sentence(result, 2, "The variable focus_versions is ", said)


def test_run_refuses_a_version_before_it_builds(tmp_path: Path) -> None:
    arguments = ("run", "--home", tmp_path, "--vars", "{focus_versions: [1.3]}")
    result = focus_export(*arguments, "--focus-version", "1.2")
    assert_one_sentence(result, 2, "FOCUS 1.2 is not built: add it", "choose one of 1.4, 1.3.")
    assert not (tmp_path / "builds").exists()


def test_a_version_that_is_not_in_the_build_is_refused_with_what_to_do(
    demo_home: Path, tmp_path: Path
) -> None:
    copy = copy_home(demo_home, tmp_path / "home")
    home = copy.path
    with duckdb.connect(str(copy.database.resolve())) as connection:
        for name in GRAINS:
            connection.execute(f"drop view {name}_v1_2")
    words = "FOCUS 1.2 is not in the build: take the newest version, or build again with 1.2 in"
    for more in ([], ["--grain", "month"]):
        result = focus_export("export", "--home", home, "--focus-version", "1.2", *more)
        assert_one_sentence(result, 2, words, "the variable focus_versions.")
    with serve(home) as server:
        for path in ("/focus/v1/cost-and-usage", "/api/exports/focus"):
            place = f"{server.url}{path}"
            assert httpx.get(place, params={"focusVersion": "1.3"}, timeout=60).status_code == 200
            answer = httpx.get(place, params={"focusVersion": "1.2"}, timeout=60)
            assert (answer.status_code, words in answer.json()["detail"]) == (400, True), path
