"""What the suites make once and read many times: the demo's build, the SQL of a target.

It lies in one folder for all workers of pytest-xdist. `AI_FOCUS_TEST_SHARED` names a folder that
several runs of pytest share; without it each run has its own, which goes when the run ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = "AI_FOCUS_TEST_SHARED"
# set by `.ci/run --whole`: what is proved elsewhere already is proved once more
WHOLE = "AI_FOCUS_TEST_WHOLE"
_made: list[Path] = []


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder before any worker starts; both conftest.py have this hook."""
    if SHARED not in os.environ:
        _made.append(Path(tempfile.mkdtemp(prefix="ai-focus-shared.")))
        os.environ[SHARED] = str(_made[0])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder where this process made it."""
    while _made:
        shutil.rmtree(_made.pop(), ignore_errors=True)
        del os.environ[SHARED]


def skip_second_proofs(items: Sequence[pytest.Item]) -> None:
    """Leave out what is marked `whole`, which says where the first proof is, unless all is to run.

    Both conftest.py call it when tests have been collected.
    """
    if WHOLE in os.environ:
        return
    for item in items:
        if mark := item.get_closest_marker("whole"):
            (first_proof,) = mark.args
            item.add_marker(pytest.mark.skip(reason=f"{first_proof}: {WHOLE} is not set"))


def whole_from(values: Sequence[object], count: int, first_proof: str) -> list[object]:
    """Give parameters of a test of which all but the first `count` are second proofs."""
    mark = pytest.mark.whole(first_proof)
    more = [pytest.param(value, marks=mark) for value in values[count:]]
    return [*values[:count], *more]


def examples(every_time: int, whole: int) -> int:
    """Give how many examples hypothesis makes."""
    return whole if WHOLE in os.environ else every_time


@contextmanager
def made_once(name: str) -> Iterator[tuple[Path, bool]]:
    """Give a shared folder and whether to fill it; others wait until that is done.

    Where filling fails, the next one who comes begins with an empty folder.
    """
    folder = Path(os.environ[SHARED]) / name
    with folder.with_suffix(".lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        is_missing = not lock.read()
        if is_missing:
            # under the lock, or one who waits for it would make the folder anew in between
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        yield folder, is_missing
        if is_missing:
            lock.write("done")


@contextmanager
def parsed_once(key: str, target: Path) -> Iterator[dict[str, str]]:
    """Give the environment in which dbt finds what it parsed for others of the same key.

    `target` is its folder of artifacts. dbt itself looks whether project, profile and variables are
    the same and parses anew where they are not, so a key need not tell all apart.
    """
    kept = Path(os.environ[SHARED]) / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.msgpack"
    yield {"DBT_PARTIAL_PARSE_FILE_PATH": str(kept)} if kept.exists() else {}
    parsed = target / "partial_parse.msgpack"
    if parsed.exists() and not kept.exists():
        copy = kept.with_suffix(f".{os.getpid()}")
        shutil.copy(parsed, copy)
        copy.replace(kept)


def key_of_build(arguments: Sequence[str]) -> str:
    """Name what the variables of a build by the command line depend on: not where files lie.

    Of a raw folder it is which sources of usage it has.
    """
    key = []
    for option, value in zip(arguments, (*arguments[1:], ""), strict=True):
        if option == "--raw-dir":
            key.append(key_of_sources(path.name for path in Path(value).glob("*")))
        elif option in ("--vars", "--source", "--target"):
            key += [option, value]
    return "\n".join(key)


def key_of_sources(folders: Iterable[str]) -> str:
    """Name the sources of usage that a build of raw files reads."""
    from exporter.project import load_project

    return " ".join(["raw", *sorted(set(folders) & set(load_project().usage_sources))])


class DemoRun(NamedTuple):
    """What `focus-export run` said of the demo, and the home that it wrote."""

    home: Path
    result: subprocess.CompletedProcess[str]

    @property
    def database(self) -> Path:
        """The published build."""
        return (self.home / "ai_focus.duckdb").resolve()

    @property
    def manifest(self) -> Path:
        """What dbt knew of the project."""
        return self.home / "target" / "manifest.json"


def run_demo() -> DemoRun:
    """Run the main job in an empty folder and without arguments; nobody may change what it made."""
    with made_once("demo") as (folder, is_missing):
        home, said = folder / "home", folder / "said.json"
        if is_missing:
            home.mkdir()
            own = ("AI_FOCUS_", "DBT_")
            kept = {name: text for name, text in os.environ.items() if not name.startswith(own)}
            with parsed_once(key_of_build(["run"]), home / "target"):
                result = subprocess.run(
                    [sys.executable, "-m", "exporter.cli", "run"],
                    capture_output=True,
                    text=True,
                    env={**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"},
                    cwd=home,
                    check=False,
                )
            assert result.returncode == 0, result.stdout + result.stderr
            said.write_text(json.dumps([result.stdout, result.stderr]), encoding="utf-8")
    stdout, stderr = json.loads(said.read_text(encoding="utf-8"))
    return DemoRun(home, subprocess.CompletedProcess([], 0, stdout, stderr))
