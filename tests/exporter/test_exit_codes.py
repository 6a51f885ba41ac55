"""Exit codes 4 (the lock is held) and 5 (the machine): one sentence each, without dbt's words."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT, assert_one_sentence, children_of, environment, focus_export
from test_build import build, cost_of, start, wait_for

from exporter.build.builds import lock
from exporter.errors import BusyError, MachineError, UserError, exit_code
from exporter.home import Home


@pytest.fixture
def toy(toy_project: Path, tmp_path: Path) -> Path:
    """A toy project of one's own, to be broken."""
    return Path(shutil.copytree(toy_project, tmp_path / "toy"))


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("select * from read_csv('/nowhere/a.csv')", ["/nowhere/a.csv went away while it was"]),
        (
            "{{ config(pre_hook=\"copy (select 1) to '/dev/full' (format csv)\") }} select 1 as x",
            ["/dev/full can't be read or written (No space left on device): free some space"],
        ),
        (
            "select list(random()) as x from range(50000000)",
            ["more memory than AI_FOCUS_MEMORY_LIMIT (100MB) allows"],
        ),
    ],
    ids=["gone", "full", "memory"],
)
def test_what_the_machine_denies_dbt_is_said_without_its_words(
    sql: str, parts: list[str], toy: Path, tmp_path: Path
) -> None:
    (toy / "models" / "denied.sql").write_text(sql)
    limit = {"AI_FOCUS_MEMORY_LIMIT": "100MB"}
    result = build(toy, tmp_path / "home", "--quiet", variables=limit)
    assert_one_sentence(result, 5, *parts, "Nothing was published.")
    assert len(result.stderr.splitlines()) == 1
    for word in ("denied.sql", "LINE 1", "Runtime Error", "Possible solutions"):
        assert word not in result.stderr


def test_dbt_that_the_system_kills_is_the_machines_fault(toy_project: Path, tmp_path: Path) -> None:
    process = start(toy_project, tmp_path, "--vars", "{slow: 100000000}")
    try:
        wait_for(process, "building and testing")
        # not a child of dbt's, without which it goes on
        (dbt,) = children_of(process.pid, "exporter.dbt.child")
        os.kill(dbt, signal.SIGKILL)
    except BaseException:
        process.terminate()
        raise
    _, errors = process.communicate(timeout=120)
    result = subprocess.CompletedProcess(process.args, process.returncode, "", errors)
    assert_one_sentence(result, 5, "dbt was ended by signal 9", "Nothing was published.")


def test_wait_waits_until_the_build_before_has_ended(toy_project: Path, tmp_path: Path) -> None:
    first = start(toy_project, tmp_path, "--vars", "{cost: '1'}")
    wait_for(first, "building and testing")
    second = build(toy_project, tmp_path, "--quiet", "--wait", "120", "--vars", "{cost: '2'}")
    assert second.returncode == 0, second.stderr
    first.communicate(timeout=120)
    assert first.returncode == 0
    assert cost_of(tmp_path) == 2


def test_a_lock_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare()
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from exporter.build.builds import lock\nfrom exporter.home import Home\n"
        "with lock(Home(Path(sys.argv[1]))):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=environment(),
        cwd=ROOT,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(BusyError, match=rf"process {holder.pid}\): wait"), lock(home):
        pass
    holder.kill()
    holder.communicate()
    with lock(home):
        pass


def test_a_full_home_and_one_that_only_may_be_read_are_the_machines_fault(tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.mkdir()
    for name in ("ENOSPC", "EROFS", "EACCES"):
        (blocker / "sitecustomize.py").write_text(
            "import errno, os\n"
            "def refuse(path, *_):\n"
            f"    raise OSError(errno.{name}, os.strerror(errno.{name}), str(path))\n"
            "os.mkdir = refuse\n"
        )
        variables = {"PYTHONPATH": f"{blocker}{os.pathsep}{ROOT}"}
        result = focus_export("build", "--home", tmp_path / "home", variables=variables)
        assert_one_sentence(result, 5, str(tmp_path / "home"), "can't be made", "--home")


def test_an_extract_on_a_full_disk_is_the_machines_fault(demo_home: Path) -> None:
    code = (
        "import sys, duckdb\nfrom exporter.extract.pages import PagedExtract\n"
        "def full(*_): duckdb.connect().execute(\"copy (select 1) to '/dev/full' (format csv)\")\n"
        "PagedExtract.write_file = full\n"
        "from exporter.cli import main\nmain(sys.argv[1:])\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "export", "--home", str(demo_home)],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    assert_one_sentence(result, 5, "can't be written", "No space left", "--output")


def test_a_file_that_another_process_writes_is_a_held_lock(tmp_path: Path) -> None:
    code = "import sys, duckdb\nc = duckdb.connect(sys.argv[1])\nprint('open', flush=True)\ninput()"
    file = tmp_path / "ai_focus.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", code, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        result = focus_export("export", "--home", tmp_path)
    assert_one_sentence(result, 4, str(file), "wait until the process that writes it has ended")


def test_only_what_this_machine_refused_has_its_code() -> None:
    def code_of(cause: Exception) -> int:
        try:
            try:
                raise cause
            except Exception:
                raise UserError("It can't be done.") from None
        except UserError as error:
            return exit_code(error)

    assert code_of(PermissionError(13, "Permission denied", "a.csv")) == MachineError.code
    assert code_of(duckdb.IOException("a.csv: No space left on device")) == MachineError.code
    assert code_of(FileNotFoundError(2, "No such file or directory", "a.csv")) == UserError.code
    # as a warehouse's driver may say it
    assert code_of(RuntimeError("Permission denied")) == UserError.code
