"""Measure the project against hand-written DuckDB on the same gateway calls, as ratios in one run.

    python tests/benchmark/run_benchmark.py [--calls 1000000] [--folder DIR] [--prices 20000]

Prints a JSON object: seconds of the hand-written script, of the models, tests and seeds of
`focus-export build` (sums of execution_time in run_results.json), of the CSV export and of a plain
`COPY` of the same rows in the same order, the peak memory of build and export in MB, and the
ratios. The totals of script and project must be equal.

With --prices it measures the size of the price book instead: the calls are built with a book of 200
rows and with one of that many, each in a copy of the project (see generate_prices.py), and
`models_large_to_small_book` is the ratio of the models' times.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path

import duckdb
from generate_prices import BASE_SIZE, PRICING, REFERENCE, give_book

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
MEMORY_LIMIT = "2GB"
THREADS = 2


def connect(
    database: Path, *, read_only: bool = False, memory_limit: str = MEMORY_LIMIT
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with the threads, and unless told otherwise the memory, of the own profile."""
    config = {"threads": str(THREADS), "memory_limit": memory_limit}
    connection = duckdb.connect(str(database), read_only=read_only, config=config)
    connection.execute("set timezone = 'UTC'")
    return connection


def run_handwritten(
    folder: Path, calls: Path, project: Path = ROOT
) -> tuple[float, dict[tuple[str, str], Decimal]]:
    """Run handwritten.sql on the calls; seconds and cost per billing period and provider."""
    connection = connect(folder / "handwritten.duckdb")
    files = {
        "list_prices": project / PRICING / "ai_list_prices.csv",
        "provider_aliases": project / REFERENCE / "ai_provider_aliases.csv",
        "model_aliases": project / REFERENCE / "ai_model_aliases.csv",
        "calls": calls,
    }
    for name, path in files.items():
        connection.execute(f"set variable {name} = '{path}'")
    started = time.perf_counter()
    rows = connection.execute((HERE / "handwritten.sql").read_text()).fetchall()
    seconds = time.perf_counter() - started
    connection.close()
    return seconds, {(str(row[0]), row[1]): row[4] for row in rows}


def run_command(*command: str, cwd: Path = ROOT) -> tuple[float, int]:
    """Run a command; seconds and peak memory in MB of the largest process in it."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=cwd)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(
            f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}"
        )
    return time.perf_counter() - started, usage.ru_maxrss // 1024


def execution_seconds(run_results: Path) -> dict[str, float]:
    """Sum of execution_time per kind of node."""
    seconds = {"model": 0.0, "test": 0.0, "seed": 0.0}
    for node, time_of_node in seconds_by_node(run_results).items():
        kind = node.split(".")[0]
        seconds[kind] = seconds.get(kind, 0.0) + time_of_node
    return seconds


def seconds_by_node(run_results: Path) -> dict[str, float]:
    """Execution_time of each model, test and seed."""
    results = json.loads(run_results.read_text())["results"]
    return {result["unique_id"]: result["execution_time"] for result in results}


def run_copy(database: Path, output: Path) -> float:
    """Write the newest Cost and Usage as CSV with DuckDB's own COPY, in the export's order.

    It sorts all columns at once, for which the profile's memory is too small.
    """
    connection = connect(database, read_only=True, memory_limit="80%")
    started = time.perf_counter()
    connection.execute(
        "copy (select * from focus_cost_and_usage_v1_4 order by ChargePeriodStart, x_ChargeId)"
        f" to '{output}' (header)"
    )
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def project_totals(database: Path) -> dict[tuple[str, str], Decimal]:
    """Billed cost per billing period and provider."""
    connection = connect(database, read_only=True)
    rows = connection.execute(
        "select BillingPeriodStart, split_part(SkuId, '/', 1), sum(BilledCost)"
        " from focus_cost_and_usage group by all"
    ).fetchall()
    connection.close()
    return {(str(row[0]), row[1]): row[2] for row in rows}


def write_calls(calls: int, folder: Path) -> Path:
    """Make the calls as the one file of a raw folder."""
    parquet = folder / "raw" / "gateway" / "calls.parquet"
    script = str(HERE / "generate_calls.py")
    arguments = ["--calls", str(calls), "--output", str(parquet)]
    subprocess.run([sys.executable, script, *arguments], check=True)
    return parquet


def measure(calls: int, folder: Path) -> dict[str, object]:
    """Run everything in the folder and return the figures."""
    parquet = write_calls(calls, folder)
    home = folder / "home"
    command = [sys.executable, "-m", "exporter.cli"]
    handwritten, expected = run_handwritten(folder, parquet)
    build, build_memory = run_command(
        *command, "build", "--home", str(home), "--raw-dir", str(folder / "raw"), "--threads", "1"
    )
    nodes = execution_seconds(home / "target" / "run_results.json")
    database = (home / "ai_focus.duckdb").resolve()
    if project_totals(database) != expected:
        raise SystemExit("The project and the hand-written script do not agree on the totals.")
    # what was written before is on the disk, so that neither of the two waits for it
    os.sync()
    copy = run_copy(database, folder / "copy.csv")
    os.sync()
    export, export_memory = run_command(*command, "export", "--home", str(home), "--format", "csv")
    return {
        "calls": calls,
        "charges": _rows(database),
        "handwritten_seconds": round(handwritten, 2),
        "model_seconds": round(nodes["model"], 2),
        "test_seconds": round(nodes["test"], 2),
        "seed_seconds": round(nodes["seed"], 2),
        "build_seconds": round(build, 2),
        "build_memory_mb": build_memory,
        "copy_seconds": round(copy, 2),
        "export_seconds": round(export, 2),
        "export_memory_mb": export_memory,
        "models_to_handwritten": round(nodes["model"] / handwritten, 2),
        "tests_to_models": round(nodes["test"] / nodes["model"], 2),
        "export_to_copy": round(export / copy, 2),
    }


def measure_books(calls: int, prices: int, folder: Path) -> dict[str, object]:
    """Build the same calls with a small price book and a large one and return the figures."""
    parquet = write_calls(calls, folder)
    figures: dict[str, object] = {"calls": calls}
    models: dict[str, float] = {}
    nodes: dict[str, dict[str, float]] = {}
    for name, size in (("small", BASE_SIZE), ("large", prices)):
        project, home = folder / f"project_{name}", folder / f"home_{name}"
        copy_project(project)
        figures[f"prices_{name}"] = give_book(project, size)
        _, expected = run_handwritten(folder, parquet, project)
        raw = str(folder / "raw")
        build = ["build", "--home", str(home), "--raw-dir", raw, "--threads", "1"]
        run_command(sys.executable, "-m", "exporter.cli", *build, cwd=project)
        if project_totals((home / "ai_focus.duckdb").resolve()) != expected:
            raise SystemExit("The project and the hand-written script do not agree on the totals.")
        run_results = home / "target" / "run_results.json"
        seconds = execution_seconds(run_results)
        nodes[name] = seconds_by_node(run_results)
        models[name] = seconds["model"]
        figures[f"model_seconds_{name}_book"] = round(seconds["model"], 2)
        figures[f"test_seconds_{name}_book"] = round(seconds["test"], 2)
    grown = sorted(
        nodes["large"], key=lambda node: nodes["small"].get(node, 0.0) - nodes["large"][node]
    )
    return {
        **figures,
        "models_large_to_small_book": round(models["large"] / models["small"], 2),
        "seconds_more_in_large_book": {
            node: round(nodes["large"][node] - nodes["small"].get(node, 0.0), 2)
            for node in grown[:8]
        },
    }


def copy_project(target: Path) -> None:
    """Copy what a build needs of the project, without what it has made."""
    shutil.rmtree(target, ignore_errors=True)
    for name in ("exporter", "macros", "models", "seeds", "tests/dbt"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(ROOT / name, target / name)


def _rows(database: Path) -> int:
    connection = connect(database, read_only=True)
    (count,) = connection.execute("select count(*) from focus_cost_and_usage").fetchone() or (0,)
    connection.close()
    return int(count)


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="work here and keep the files")
    parser.add_argument(
        "--prices", type=int, help="rows of a price book to compare with a small one"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()
        figures = (
            measure_books(arguments.calls, arguments.prices, folder)
            if arguments.prices
            else measure(arguments.calls, folder)
        )
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
