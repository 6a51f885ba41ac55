"""The home's settings file: what is typed with every build, beneath options and environment."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import assert_one_sentence, focus_export

from exporter.build import build as builds
from exporter.build.build import BuildRequest, BuildResult
from exporter.cli import cli
from exporter.errors import IncompleteError, UserError
from exporter.home import Home
from exporter.settings import KEYS, read_settings

FULL = """
vars: {billing_account_id: acme, resource_id: none}
raw_dir: logs/raw
source: gateway
threads: 3
memory_limit: 3GB
storage_version: v1.2.0
strict: true
"""


class _StoppedError(Exception):
    pass


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What `build` or `run` would build, with which memory and storage; nothing is built."""
    monkeypatch.setenv("AI_FOCUS_MEMORY_LIMIT", "")
    monkeypatch.setenv("AI_FOCUS_STORAGE_VERSION", "")
    found: dict[str, Any] = {}

    def note(_home: object, request: BuildRequest) -> None:
        found.update(vars(request), memory=os.environ["AI_FOCUS_MEMORY_LIMIT"])
        found.update(storage=os.environ["AI_FOCUS_STORAGE_VERSION"])
        raise _StoppedError

    monkeypatch.setattr(builds, "run_build", note)
    return found


def call(*arguments: str | Path, variables: dict[str, str] | None = None) -> Result:
    runner = CliRunner(env={"AI_FOCUS_THREADS": "", "AI_FOCUS_TARGET": "", **(variables or {})})
    return runner.invoke(cli, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["build", "run"])
def test_the_file_of_the_home_says_what_no_option_does(
    command: str, tmp_path: Path, asked: dict[str, Any]
) -> None:
    (tmp_path / "ai_focus.yml").write_text(FULL)
    call(command, "--home", tmp_path)
    assert asked["variables"] == {"billing_account_id": "acme", "resource_id": "none"}
    # a relative folder is one of the home, wherever the command is called
    assert asked["raw_dir"] == tmp_path / "logs" / "raw"
    assert (asked["sources"], asked["threads"]) == (("gateway",), 3)
    assert (asked["memory"], asked["storage"]) == ("3GB", "v1.2.0")


def test_an_option_goes_before_the_environment_and_that_before_the_file(
    tmp_path: Path, asked: dict[str, Any]
) -> None:
    (tmp_path / "ai_focus.yml").write_text(f"{FULL}target: bigquery\n")
    environment = {
        **{"AI_FOCUS_THREADS": "5", "AI_FOCUS_MEMORY_LIMIT": "5GB"},
        **{"AI_FOCUS_TARGET": "snowflake", "AI_FOCUS_HOME": str(tmp_path)},
    }
    call("build", "--home", tmp_path)
    assert (asked["target"], asked["threads"], asked["memory"]) == ("bigquery", 3, "3GB")
    call("build", variables=environment)
    assert (asked["target"], asked["threads"], asked["memory"]) == ("snowflake", 5, "5GB")
    options = ["--threads", "7", "--target", "duckdb", "--raw-dir", "raw", "--source", "litellm"]
    call("build", *options, variables=environment)
    assert (asked["target"], asked["threads"]) == ("duckdb", 7)
    assert (asked["raw_dir"], asked["sources"]) == (Path("raw"), ("litellm",))


def test_vars_are_put_together_key_by_key(tmp_path: Path, asked: dict[str, Any]) -> None:
    (tmp_path / "ai_focus.yml").write_text(FULL)
    call("build", "--home", tmp_path, "--vars", "{resource_id: call, service_name: model}")
    assert asked["variables"] == {
        "billing_account_id": "acme",
        "resource_id": "call",
        "service_name": "model",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("thread: 4", "line 1: thread is no setting: did you mean threads?"),
        ("\nzzz: 4", "line 2: zzz is no setting: there are vars, raw_dir, source,"),
        ("threads: lots", "line 1: threads is 'lots': give a whole number of 1 or more."),
        ("threads: 0", "line 1: threads is 0: give a whole number"),
        ("threads: true", "line 1: threads is True: give a whole number"),
        ("memory_limit: lots", "line 1: memory_limit is 'lots': give an amount such as 2GB."),
        ("storage_version: 1.4", "is 1.4: name a release of DuckDB such as v1.4.0, or latest."),
        ("strict: maybe", "line 1: strict is 'maybe': write true or false."),
        ("vars: [1]", "line 1: vars is [1]: write a mapping"),
        ("raw_dir: 7", "line 1: raw_dir is 7: name a folder."),
        ("source: []", "line 1: source is []: name a usage source"),
        ("target: {a: b}", "line 1: target is {'a': 'b'}: name a target"),
        ("threads: 1\nthreads: 2", "line 2: threads stands in line 1 already: keep one."),
        ("threads: 1\nvars: {a", "line 2, is no YAML"),
        ("just text", "is no mapping"),
        ("- threads", "is no mapping"),
        ("vars: {price_book_as_of: 2026-02-31}", "can't be read: day is out of range"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_with_its_line(
    text: str, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "ai_focus.yml").write_text(text)
    with pytest.raises(UserError) as found:
        read_settings(tmp_path)
    assert str(tmp_path / "ai_focus.yml") in str(found.value)
    assert sentence in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("content", [b"", b"# none\n", b"threads:\n"])
def test_a_file_that_says_nothing_is_no_fault(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ai_focus.yml").write_bytes(content)
    assert read_settings(tmp_path).values == {}


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "ai_focus.yml").write_bytes(b"\xff\xfe\x00")
    result = focus_export("build", "--home", tmp_path)
    assert_one_sentence(result, 2, str(tmp_path / "ai_focus.yml"), "no UTF-8 text")


def test_a_variable_of_the_file_that_nothing_reads_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "ai_focus.yml").write_text("threads: 2\nvars: {resourceid: none}\n")
    result = focus_export("build", "--home", tmp_path)
    place = f"vars in {tmp_path / 'ai_focus.yml'}, line 2, sets resourceid"
    assert_one_sentence(result, 2, place, "did you mean resource_id?")


def test_run_says_where_another_target_stands(tmp_path: Path) -> None:
    (tmp_path / "ai_focus.yml").write_text("target: snowflake\n")
    result = focus_export("run", "--home", tmp_path)
    place = f"target in {tmp_path / 'ai_focus.yml'}, line 1, is 'snowflake'"
    assert_one_sentence(result, 2, place, "DuckDB only")


def test_help_names_every_setting() -> None:
    said = " ".join(focus_export("build", "--help").stdout.split())
    for key in KEYS:
        assert key in said


@pytest.mark.parametrize("command", ["build", "run"])
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--threads", "0"], "--threads is '0': give a whole number of 1 or more."),
        (["--threads", "many"], "--threads is 'many'"),
        (["--wait", "-1"], "--wait"),
        (["--wait", "soon"], "--wait"),
        (["--vars", "7"], "--vars is no mapping"),
    ],
)
def test_what_makes_no_sense_is_said_by_both_commands_that_build(
    command: str, arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    result = focus_export(command, "--home", tmp_path, *arguments)
    assert_one_sentence(result, 2, sentence)
    assert list(tmp_path.iterdir()) == []


def test_run_takes_what_build_takes(tmp_path: Path, asked: dict[str, Any]) -> None:
    options = ["--threads", "2", "--wait", "9", "--quiet", "--vars", "{resource_id: none}"]
    call("run", "--home", tmp_path, "--strict", *options)
    assert (asked["threads"], asked["wait"], asked["quiet"]) == (2, 9, True)
    assert asked["variables"] == {"resource_id": "none"}


def test_a_quiet_and_strict_run_says_only_what_is_incomplete(
    demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(Path(shutil.copytree(demo_home, tmp_path / "home", symlinks=True)))
    result = BuildResult("b1", home.published(), [], 1.0, is_demo=True)
    monkeypatch.setattr(builds, "run_build", lambda *_: result)
    ended = call("run", "--home", home.path, "--quiet", "--strict", "--format", "parquet")
    assert ended.stdout == ""
    assert ended.stderr.startswith("The demo holds 44 calls without a price")
    assert isinstance(ended.exception, IncompleteError)
    assert "not complete, and --strict" in str(ended.exception)
    assert (home.exports / "focus_cost_and_usage.parquet").is_file()
