"""Systems that have no fcntl and let nobody make links, as Windows: played on this one."""

from __future__ import annotations

import os
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import ROOT, focus_export, rows_of
from test_build import build, build_folders

from exporter.build.builds import publish
from exporter.home import Home

# what each Python process does before anything else
_POORER = """
import os, subprocess, sys, warnings

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == "fcntl":
            raise ModuleNotFoundError(name)

def refuse(*_arguments, **_options):
    raise OSError("the client lacks a privilege")

sys.meta_path.insert(0, Blocker())
warnings.filterwarnings("ignore", "only soft file lock is available")
os.symlink = os.link = refuse
for name in ("nice", "killpg", "fchmod", "getuid", "geteuid"):
    delattr(os, name)
_open = os.open

def open_no_folder(path, flags, *arguments, **options):
    if os.path.isdir(path) and flags == os.O_RDONLY:
        raise PermissionError(13, "Permission denied", str(path))
    return _open(path, flags, *arguments, **options)

os.open = open_no_folder
"""


@pytest.fixture
def poorer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that finds neither locks nor links nor process groups."""
    folder = tmp_path_factory.mktemp("poorer")
    (folder / "sitecustomize.py").write_text(_POORER)
    return {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def cost_of(home: Path) -> Decimal:
    return rows_of(Home(home).published(), "select BilledCost from focus_cost_and_usage")[0][0]


def test_builds_are_published_and_swept_without_locks_of_files_and_links(
    toy_project: Path, tmp_path: Path, poorer: dict[str, str]
) -> None:
    seen = []
    for cost in ("1", "2", "3"):
        result = build(toy_project, tmp_path, "--vars", f"{{cost: '{cost}'}}", variables=poorer)
        assert result.returncode == 0, result.stderr
        database = Home(tmp_path).published()
        assert f"No link can be made here; the tables are in {database}." in result.stderr
        assert cost_of(tmp_path) == Decimal(cost)
        seen.append(database.parent.name)
    assert not (tmp_path / "ai_focus.duckdb").exists()
    assert build_folders(tmp_path) == seen[1:]
    # the same home where links can be made, and back
    assert build(toy_project, tmp_path, "--vars", "{cost: '4'}").returncode == 0
    assert (tmp_path / "ai_focus.duckdb").is_symlink()
    assert not (tmp_path / "builds" / "current").exists()
    assert cost_of(tmp_path) == 4
    result = build(toy_project, tmp_path, "--vars", "{cost: '5'}", variables=poorer)
    assert result.returncode == 0, result.stderr
    assert cost_of(tmp_path) == 5
    assert len(build_folders(tmp_path)) == 2


def test_extracts_are_the_same_where_no_link_can_be_made(
    demo_home: Path, tmp_path: Path, poorer: dict[str, str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copytree(demo_home / "builds", home / "builds")
    (home / "builds" / "current").write_text(Home(demo_home).published().parent.name + "\n")
    result = focus_export("export", "--home", home, variables=poorer)
    assert result.returncode == 0, result.stderr
    name = "exports/focus_cost_and_usage.csv"
    assert (home / name).read_bytes() == (demo_home / name).read_bytes()
    recency = focus_export("schema", "--home", home, variables=poorer)
    assert '"Recency"' in recency.stdout


def test_what_is_said_is_utf_8_whatever_the_terminal_of_the_system_takes(tmp_path: Path) -> None:
    result = focus_export("load", "--help", variables={"PYTHONIOENCODING": "cp437"})
    assert result.returncode == 0, result.stderr
    assert "DIR/litellm/ …" in result.stdout


def test_the_file_that_dbt_alone_made_stays_as_the_build_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError("the client lacks a privilege")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(os, "link", refuse)
    home = Home(tmp_path)
    home.prepare()
    home.link.write_text("made by dbt")
    folder = home.builds / "20991231T000000000000Z"
    folder.mkdir()
    (folder / "ai_focus.duckdb").write_text("made by us")
    publish(home, folder)
    assert home.published() == (folder / "ai_focus.duckdb").resolve()
    before, last = build_folders(tmp_path)
    assert last == folder.name
    assert (home.builds / before / "ai_focus.duckdb").read_text() == "made by dbt"
