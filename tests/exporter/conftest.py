"""What the tests of the wrapper share: the command line, the built demo, a toy project."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pytest
from shared import (
    DemoRun,
    key_of_build,
    parsed_once,
    pytest_configure,
    pytest_unconfigure,
    run_demo,
    skip_second_proofs,
)

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["DemoRun", "pytest_configure", "pytest_unconfigure"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is marked `whole` with everything else only."""
    skip_second_proofs(items)


def environment() -> dict[str, str]:
    """The caller's environment without its own home, and with the package to be found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AI_FOCUS_")}
    return {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200"}


def focus_export(
    *arguments: str | Path,
    cwd: Path | None = None,
    timeout: float = 300,
    variables: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own and hold back its output."""
    texts = [str(argument) for argument in arguments]
    home = texts[texts.index("--home") + 1] if "--home" in texts else cwd or "nowhere"
    # a checkout of its own is another project
    key = key_of_build(texts) + (variables or {}).get("PYTHONPATH", "")
    with parsed_once(key, Path(home) / "target") as parsed:
        return subprocess.run(
            [sys.executable, "-m", "exporter.cli", *texts],
            capture_output=True,
            text=True,
            env={**environment(), **parsed, **(variables or {})},
            cwd=cwd,
            timeout=timeout,
            check=False,
        )


def rows_of(database: Path, query: str, parameters: Iterable[object] = ()) -> list[tuple]:
    """Ask a DuckDB file, read-only."""
    with duckdb.connect(str(database.resolve()), read_only=True) as connection:
        return connection.execute(query, list(parameters)).fetchall()


def children_of(parent: int, module: str) -> list[int]:
    """Find the processes that a running one has started for a module (Linux)."""
    children: list[int] = []
    for task in Path(f"/proc/{parent}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children += map(int, task.read_text().split())
    found = []
    for child in children:
        # it may end meanwhile
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def assert_one_sentence(result: subprocess.CompletedProcess[str], code: int, *parts: str) -> None:
    """A mistake ends with its code and one line on standard error, without a traceback."""
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr + result.stdout
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(lines) == 1, result.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """The main job, run in an empty folder; in a copy of its home, servers may leave files."""
    run = run_demo()
    home = tmp_path_factory.mktemp("demo") / "home"
    shutil.copytree(run.home, home, symlinks=True)
    return run._replace(home=home)


@pytest.fixture(scope="session")
def demo_home(demo_run: DemoRun) -> Path:
    """A home with the published build of the synthetic demo; tests only read it."""
    return demo_run.home


_TOY_MODELS = {
    "focus_cost_and_usage": """
        select 'one' as x_ChargeId, 'OpenAI' as ServiceProviderName, 'USD' as BillingCurrency,
            cast({{ var('cost', '1.25') }} as decimal(38, 18)) as BilledCost,
            'OpenAI' as InvoiceIssuerName, timestamp '2026-10-01' as BillingPeriodStart,
            'acme' as BillingAccountId, 'research' as SubAccountId, 1000 as ConsumedQuantity,
            0.001 as PricingQuantity, 2.5 as ListCost, 2.5 as ContractedCost, 2.5 as EffectiveCost
    """,
    # no month is closed
    "stg_billing__billing_periods": """
        select 'OpenAI' as invoice_issuer_name, timestamp '2026-10-01' as billing_period_start,
            timestamp '2026-11-04' as closed_at
        where 1 = 0
    """,
    "focus_contract_commitment": "select 1 as ContractCommitmentId",
    "ai_coverage": """
        select 1 as calls, 1 as priced_calls, 10 as tokens, 10 as priced_tokens,
            0 as compared_calls, 0 as differing_calls, 0 as unexplained_calls,
            0 as missing_calls, 0 as missing_tokens,
            cast(null as decimal(38, 18)) as missing_stated_cost,
            cast(null as varchar) as stated_cost_currency, 0 as unknown_cost_calls,
            cast(null as decimal(38, 18)) as compared_stated_cost,
            cast(null as decimal(38, 18)) as equal_stated_cost,
            cast(null as decimal(38, 18)) as explained_stated_cost,
            cast(null as decimal(38, 18)) as unexplained_stated_cost,
            0 as buckets, 0 as missing_buckets
    """,
    "ai_month_completeness": """
        select timestamp '2026-10-01' as billing_period_start, true as is_complete,
            cast(null as varchar) as waiting_for, timestamp '2026-10-31 23:59:50' as usage_until
    """,
    "ai_call_coverage": "select cast(null as varchar) as hold_reason, 0 as missing_calls",
    "ai_price_coverage": """
        select 'USD' as billing_currency, 'effective' as price_date_basis,
            cast(1 as decimal(12, 9)) as basis_cost_share,
            cast(2.5 as decimal(38, 18)) as effective_cost,
            cast(2.5 as decimal(38, 18)) as allocated_cost
    """,
    "stg_pricing__list_prices": "select cast('2026-11-21' as timestamp) as recorded_at",
    "ai_unreadable_records": """
        select cast(null as varchar) as source_name, cast(null as varchar) as raw_table,
            cast(null as varchar) as file, cast(null as bigint) as line,
            cast(null as varchar) as record_key, cast(null as varchar) as field,
            cast(null as varchar) as reason, 1 as records
        where 1 = 0
    """,
    "ai_repeated_records": "select 'kept' as outcome",
    "ai_usage_findings": """
        select 'closed_in_the_future' as finding_type, 'closed_at' as field, 1 as calls
    """,
    # as many slow rows as a test needs to meet a running dbt
    "slow": """
        {{ config(materialized='table') }}
        select max(hash(a.range + b.range)) as value,
            '{{ var("usage_sources") | join(" ") }}' as sources
        from range({{ var('slow', 1) }}) as a cross join range(100000) as b
    """,
}


@pytest.fixture(scope="session")
def toy_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dbt project that has just the names that a build reads: quick to build, easy to break."""
    folder = tmp_path_factory.mktemp("toy_project")
    (folder / "models").mkdir()
    (folder / "tests").mkdir()
    (folder / "dbt_project.yml").write_text(
        "name: toy\nversion: '1.0'\nprofile: ai_focus\nflags: {send_anonymous_usage_stats: false}\n"
        "vars: {cost: '1.25', slow: 1, broken: false, usage_sources: [gateway, litellm]}\n"
        "models:\n  toy:\n    +materialized: table\n"
    )
    (folder / "profiles.yml").write_text((ROOT / "profiles.yml").read_text())
    for name, query in _TOY_MODELS.items():
        (folder / "models" / f"{name}.sql").write_text(query)
    (folder / "models" / "broken.sql").write_text(
        "{{ config(enabled=var('broken', false)) }} select cast('x' as integer) as value"
    )
    (folder / "tests" / "assert_cost_is_small.sql").write_text(
        "select BilledCost as cost from {{ ref('focus_cost_and_usage') }} where BilledCost > 100"
    )
    return folder


@pytest.fixture(scope="session")
def small_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with the wrapper, all macros and sources and a single model: quick to parse.

    It is for what is said before any model is built. As PYTHONPATH it is what runs, from any
    folder that is no checkout.
    """
    folder = tmp_path_factory.mktemp("small_checkout")
    for name in ("exporter", "macros", "tests/dbt/generic"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    names = ["dbt_project.yml", "profiles.yml", "models/_docs.md", "models/_groups.yml"]
    sources = (ROOT / "models" / "staging").glob("*/_*__sources.yml")
    for name in (*names, *(path.relative_to(ROOT) for path in sources)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "models" / "one.sql").write_text("select {{ reprice_models() | length }} as models")
    return folder
