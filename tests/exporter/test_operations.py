"""The files of docs/operations: what they start exists, and does what docs/operations.md says."""

from __future__ import annotations

import ast
import configparser
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import httpx
import pytest
import tomllib
import yaml
from api_client import serve
from conftest import ROOT

from exporter import errors
from exporter.cli import cli

FILES = ROOT / "docs" / "operations"
PAGE = ROOT / "docs" / "operations.md"
HOME = "/srv/ai-focus"
PROGRAM = "/opt/ai-focus/bin/focus-export"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def read(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8")


def parsed(arguments: Sequence[str]) -> click.Context:
    """What click makes of a command's arguments; it raises for an option that there is none of."""
    command = cli.get_command(click.Context(cli), arguments[0])
    assert command is not None, arguments[0]
    return command.make_context(arguments[0], [*arguments[1:]])


def is_daily(arguments: Sequence[str]) -> bool:
    """Whether it is a build of the user's own logs that ends with 3 where something is missing."""
    context = parsed(arguments)
    given = context.params
    return context.info_name == "run" and given["strict"] and given["raw_dir"] is not None


def of_line(line: str) -> list[str]:
    program, *arguments = shlex.split(line)
    assert Path(program).name == "focus-export"
    return arguments


# --- cron -----------------------------------------------------------------------------------------


def crontab() -> tuple[dict[str, str], str, str]:
    """Its variables, the times of its one job and the job's command."""
    lines = [line for line in read("crontab").splitlines() if line and not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in lines[:-1])
    *times, command = lines[-1].split(maxsplit=5)
    return variables, " ".join(times), command


def test_the_job_of_cron_is_a_daily_build() -> None:
    variables, times, command = crontab()
    assert re.fullmatch(r"[0-5]?\d [01]?\d \* \* \*", times)
    # cron takes a % for the end of the command
    assert "%" not in command
    assert is_daily(of_line(command))
    assert variables["AI_FOCUS_HOME"] == HOME
    assert variables["PATH"].split(":")[0] == str(Path(PROGRAM).parent)
    assert "MAILTO" in variables


# --- systemd --------------------------------------------------------------------------------------

UNITS = ("ai-focus.service", "ai-focus.timer", "ai-focus-serve.service")


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(read(name))
    return parser


@pytest.mark.parametrize("name", ["ai-focus.service", "ai-focus-serve.service"])
def test_a_service_runs_as_a_user_of_its_own_that_writes_to_the_home_alone(name: str) -> None:
    service = unit(name)["Service"]
    assert service["ExecStart"].startswith(f"{PROGRAM} ")
    parsed(of_line(service["ExecStart"]))
    assert service["User"] not in ("", "root")
    assert service["Environment"] == f"AI_FOCUS_HOME={HOME}"
    assert (service["ProtectSystem"], service["ReadWritePaths"]) == ("strict", HOME)


def test_a_build_by_systemd_is_tried_again_where_that_helps() -> None:
    service = unit("ai-focus.service")["Service"]
    assert is_daily(of_line(service["ExecStart"]))
    assert (service["Type"], service["Restart"]) == ("oneshot", "on-failure")
    helpless = {errors.DataError.code, errors.UserError.code, errors.IncompleteError.code}
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == helpless
    assert int(unit("ai-focus.service")["Unit"]["StartLimitBurst"]) > 1
    timer = unit("ai-focus.timer")
    assert timer["Timer"]["OnCalendar"].endswith("UTC")
    assert timer["Install"]["WantedBy"] == "timers.target"


def verify_units(folder: Path, *, add: str = "") -> subprocess.CompletedProcess[str]:
    """Let systemd judge the units, with a program that exists here."""
    for name in UNITS:
        text = read(name).replace(PROGRAM, "/bin/true")
        (folder / name).write_text(text.replace("[Service]\n", f"[Service]\n{add}"))
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(folder / name) for name in UNITS)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    judged = verify_units(tmp_path)
    assert (judged.returncode, judged.stderr) == (0, "")
    assert "Restrat" in verify_units(tmp_path, add="Restrat=always\n").stderr


# --- Airflow --------------------------------------------------------------------------------------


def test_the_dag_is_a_daily_build_that_is_tried_again() -> None:
    tree = ast.parse(read("airflow_dag.py"))
    calls = {
        node.func.id: {item.arg: item.value for item in node.keywords}
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    given = calls["BashOperator"]
    assert is_daily(of_line(ast.literal_eval(given["bash_command"])))
    assert ast.literal_eval(given["env"]) == {"AI_FOCUS_HOME": HOME}
    # without it the PATH would be gone
    assert ast.literal_eval(given["append_env"]) is True
    assert ast.literal_eval(given["retries"]) >= 1
    assert ast.literal_eval(calls["DAG"]["schedule"]) == crontab()[1]
    assert ast.literal_eval(calls["DAG"]["catchup"]) is False
    assert ast.literal_eval(calls["DAG"]["max_active_runs"]) == 1


# --- GitHub Actions -------------------------------------------------------------------------------


def test_the_workflow_builds_daily_and_keeps_the_files() -> None:
    workflow = yaml.safe_load(read("github-actions.yml"))
    assert workflow.keys() == {"name", "on", "permissions", "concurrency", "jobs"}
    assert [entry["cron"] for entry in workflow["on"]["schedule"]] == [crontab()[1]]
    (job,) = workflow["jobs"].values()
    assert job["env"] == {"AI_FOCUS_HOME": "${{ github.workspace }}"}
    steps = job["steps"]
    assert all(len({"uses", "run"} & step.keys()) == 1 for step in steps)
    assert all(
        re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/x@v1")) for step in steps
    )
    builds = [step["run"] for step in steps if step.get("run", "").startswith("focus-export")]
    assert len(builds) == 1
    assert is_daily(of_line(builds[0]))
    (python,) = [step["with"]["python-version"] for step in steps if "setup-python" in str(step)]
    assert is_supported(python)
    (kept,) = [step for step in steps if "upload-artifact" in step.get("uses", "")]
    # also after exit code 3
    assert (kept["if"], kept["with"]["path"]) == ("always()", "exports/")


def is_supported(python: str) -> bool:
    return f"Programming Language :: Python :: {python}" in PYPROJECT["project"]["classifiers"]


# --- containers -----------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", read("Dockerfile"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def only(name: str) -> str:
    (found,) = [value for key, value in instructions() if key == name]
    return found


def health_command() -> list[str]:
    command: list[str] = json.loads(only("HEALTHCHECK").split(" CMD ")[1])
    return command


def test_the_image_holds_what_the_wheel_is_made_of() -> None:
    copied: set[str] = set()
    for key, value in instructions():
        if key == "COPY":
            *sources, target = value.split()
            assert all((ROOT / source).exists() for source in sources)
            # a folder's content is copied, so the target must have its name
            assert target in ("/src/", *(f"/src/{source}" for source in sources))
            copied.update(sources)
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PYPROJECT["project"]
    needed = {*wheel["force-include"], *wheel["packages"], *project["license-files"]}
    assert copied == {"pyproject.toml", project["readme"], *needed}
    (extras,) = re.findall(r"pip install --no-cache-dir '/src\[([a-z,]+)\]'", read("Dockerfile"))
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    assert is_supported(re.fullmatch(r"python:([\d.]+)-slim", only("FROM"))[1])


def test_the_container_serves_as_a_user_of_its_own() -> None:
    names = [key for key, _ in instructions()]
    assert f" {only('USER')}" in dict(instructions())["RUN"]
    assert names.index("USER") < names.index("CMD")
    home = only("VOLUME")
    assert only("ENV") == f"AI_FOCUS_HOME={home}"
    assert json.loads(only("ENTRYPOINT")) == ["focus-export"]
    context = parsed(json.loads(only("CMD")))
    assert (context.info_name, context.params["host"]) == ("serve", "0.0.0.0")
    assert str(context.params["port"]) == only("EXPOSE")
    assert f":{only('EXPOSE')}/healthz" in health_command()[-1]


def test_compose_builds_and_serves_on_one_volume() -> None:
    described = yaml.safe_load(read("compose.yml"))
    services = described["services"]
    assert is_daily(services["run"]["command"])
    assert services["run"]["command"][2] == f"{only('VOLUME')}/raw"
    for service in services.values():
        (volume,) = service["volumes"]
        assert volume.split(":") == [*described["volumes"], only("VOLUME")]
    built = services["serve"]["build"]
    assert (FILES / built["context"]).resolve() == ROOT
    assert (ROOT / built["dockerfile"]).is_file()
    assert services["serve"]["ports"] == [f"127.0.0.1:{only('EXPOSE')}:{only('EXPOSE')}"]


def test_the_health_check_tells_whether_the_server_runs(demo_home: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(demo_home, tmp_path / "home", symlinks=True))
    *program, code = health_command()

    def is_healthy(port: int) -> bool:
        text = code.replace(f":{only('EXPOSE')}/", f":{port}/")
        return subprocess.run([*program, text], capture_output=True, check=False).returncode == 0

    with serve(home) as server:
        assert is_healthy(server.port)
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        port = server.port
    assert not is_healthy(port)


# --- the page -------------------------------------------------------------------------------------


def test_the_page_says_of_each_exit_code_what_to_do() -> None:
    table = PAGE.read_text(encoding="utf-8").split("| exit code |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    told = {row[0]: row[2] for row in rows}
    known = {errors.DataError, errors.UserError, errors.IncompleteError}
    known |= {errors.BusyError, errors.MachineError}
    # and those of a stop
    assert told.keys() == {"0", *(str(error.code) for error in known), "130, 143"}
    again = {errors.BusyError.code, errors.MachineError.code}
    assert {int(code) for code in told if code.isdigit() and "again" in told[code]} == again


def test_the_page_names_every_file() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for file in FILES.iterdir():
        assert f"](operations/{file.name})" in text, file.name
