"""docs/package.md: its example builds as printed, and the rest is the consumer's project."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from compiled import ROOT, run_dbt_of_consumers, scratch

from exporter.project import load_project

CONSUMER = Path(__file__).with_name("consumer")
PAGE = ROOT / "docs" / "package.md"
OF_PACKAGE = ("dbt_project.yml", "macros", "models", "seeds", "tests/dbt")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PROFILE = "{}:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: acme.duckdb}}\n"


def _blocks(page: Path, language: str) -> list[str]:
    return [text for kind, text in _BLOCK.findall(page.read_text("utf-8")) if kind == language]


# in the order of the page
GIT, LOCAL, PROJECT, *SETTINGS = _blocks(PAGE, "yaml")
COMMANDS = _blocks(PAGE, "")[0].splitlines()


def _raw_log(database: Path) -> None:
    """Leave a gateway's log of required columns and one of the two that tell of a call's end."""
    (log,) = (table for table in load_project().raw_tables() if table.name == "gateway_calls")
    columns = ", ".join([*log.required, "ended_at"])
    file = ROOT / "seeds" / "sample" / "raw_gateway_calls.csv"
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema raw_ai")
        connection.execute(
            f"create table raw_ai.gateway_calls as select {columns}"
            f" from read_csv('{file}', all_varchar = true) where ended_at is not null"
        )


def _repository(folder: Path, tag: str) -> str:
    """Put the package under git, with a tag, as a server of the user's has it."""
    for name in OF_PACKAGE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / name)
    author = ("-c", "user.name=acme", "-c", "user.email=acme@example.org")
    for command in (
        ("init",),
        ("add", "."),
        ("commit", "-m", "All"),
        ("tag", "-a", tag, "-m", tag),
    ):
        subprocess.run(["git", "-C", folder, *author, *command], check=True, capture_output=True)
    return f"file://{folder}"


@pytest.fixture(scope="module")
def project() -> Path:
    """The page's project with the package from git, built by the page's commands."""
    base = scratch() / "page"
    folder = base / "project"
    folder.mkdir(parents=True)
    packages = yaml.safe_load(GIT)
    url = _repository(base / "package", packages["packages"][0]["revision"])
    (folder / "packages.yml").write_text(GIT.replace(packages["packages"][0]["git"], url))
    (folder / "dbt_project.yml").write_text(PROJECT)
    (folder / "profiles.yml").write_text(_PROFILE.format(yaml.safe_load(PROJECT)["profile"]))
    _raw_log(folder / "acme.duckdb")
    for line in COMMANDS:
        program, *arguments = shlex.split(line)
        assert program == "dbt"
        run_dbt_of_consumers(*arguments, folder=base, project=folder)
    return folder


def test_the_example_builds_as_printed_without_a_warning(project: Path) -> None:
    with duckdb.connect(str(project / "acme.duckdb"), read_only=True) as connection:
        query = "select count(distinct x_CallId), sum(BilledCost) > 1 from focus_cost_and_usage"
        ((calls, costs),) = connection.execute(query).fetchall()
    assert calls > 500
    assert costs


def test_the_example_has_ten_lines() -> None:
    for packages in (GIT, LOCAL):
        assert len((packages + PROJECT).splitlines()) <= 10


def test_a_checkout_beside_the_project_is_the_same_package(project: Path) -> None:
    folder = scratch() / "local" / "project"
    folder.mkdir(parents=True)
    assert yaml.safe_load(LOCAL)["packages"] == [{"local": "../ai-focus"}]
    (folder.parent / "ai-focus").symlink_to(ROOT)
    (folder / "packages.yml").write_text(LOCAL)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(project / name, folder)
    run_dbt_of_consumers("deps", folder=folder.parent, project=folder)
    assert (folder / "dbt_packages" / "ai_focus" / "dbt_project.yml").samefile(
        ROOT / "dbt_project.yml"
    )


def _missing(part: Any, whole: Any, path: str = "") -> Iterator[str]:
    """Name what of a piece of YAML is not in another."""
    if isinstance(part, dict) and isinstance(whole, dict):
        for key, value in part.items():
            yield from _missing(value, whole.get(key), f"{path}/{key}")
    elif part != whole:
        yield path


def test_all_else_on_the_page_is_the_consumers_project() -> None:
    consumer = yaml.safe_load((CONSUMER / "dbt_project.yml").read_text("utf-8"))
    assert len(SETTINGS) > 3
    for text in SETTINGS:
        assert list(_missing(yaml.safe_load(text), consumer)) == []
    models = [file.read_text("utf-8") for file in CONSUMER.glob("models/*.sql")]
    queries = _blocks(PAGE, "sql")
    assert len(queries) > 2
    assert [query for query in queries if query not in models] == []


def test_a_line_of_the_page_that_the_consumer_has_not_is_seen() -> None:
    consumer = {"vars": {"ai_focus": {"raw_origin": "source"}}}
    assert list(_missing({"vars": {"ai_focus": {"raw_origin": "file"}}}, consumer)) == [
        "/vars/ai_focus/raw_origin"
    ]
    assert list(_missing({"vars": {"ai_focus": {"x": 1}}}, consumer)) == ["/vars/ai_focus/x"]


def test_the_version_is_one() -> None:
    version = load_project().settings["version"]
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert re.findall(r'^version = "(.*)"$', project, re.MULTILINE) == [version]
    assert yaml.safe_load(GIT)["packages"][0]["revision"] == version
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"git tag -a {version} " in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for named in re.findall(r"revision: *(\d+\.\d+\.\d+)", page.read_text("utf-8")):
            assert named == version, page.name
