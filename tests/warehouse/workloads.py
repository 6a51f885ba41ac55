"""Raw rows for builds that follow each other: first, again, and with what came late."""

from __future__ import annotations

import csv
import json
import random
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RawRow = Mapping[str, str | None]
Rows = Mapping[str, Sequence[RawRow]]
LOGS = ("gateway_calls", "litellm_spend_logs")
SAMPLE = ROOT / "seeds" / "sample"
LITELLM = ROOT / "tests" / "data" / "litellm_sample" / "raw"


@dataclass(frozen=True)
class Workload:
    """What the raw tables hold in the first two builds, and what they hold in the third."""

    early: Rows
    late: Rows


def together(*workloads: Workload) -> Workload:
    """Several workloads in one; a contract or a price that two of them have is there once."""
    return Workload(
        _joined([workload.early for workload in workloads]),
        _joined([workload.late for workload in workloads]),
    )


def _joined(parts: Sequence[Rows]) -> Rows:
    joined: dict[str, list[RawRow]] = {}
    for table, rows in (item for part in parts for item in part.items()):
        known = joined.setdefault(table, [])
        known += [row for row in rows if table in LOGS or row not in known]
    return joined


def demo() -> Workload:
    """The demo, at first without every third call and without some prices."""
    tables = {file.stem.removeprefix("raw_"): read_csv(file) for file in SAMPLE.glob("raw_*.csv")}
    early = {
        table: [row for index, row in enumerate(rows) if index % 3] if table in LOGS else rows
        for table, rows in tables.items()
    }
    return Workload({**early, "contract_prices": tables["contract_prices"][:3]}, tables)


def litellm_sample() -> Workload:
    """LiteLLM's log, at first without some calls; later whole, with a second delivery of each."""
    logs = read_jsonl(LITELLM / "litellm" / "LiteLLM_SpendLogs.jsonl")
    copied = read_csv(LITELLM / "litellm" / "LiteLLM_SpendLogs_pg_copy.csv")
    deployments = read_csv(LITELLM / "provisioned_deployments" / "provisioned_deployments.csv")
    return Workload(
        early={"litellm_spend_logs": logs[::2]},
        late={"litellm_spend_logs": [*logs, *copied], "provisioned_deployments": deployments},
    )


def months(first: datetime = datetime(2026, 3, 1), days: int = 153, calls: int = 900) -> Workload:
    """Five months of both logs.

    Two months are closed by the third build, in which calls of them come late or come again with
    other counts or of another model, and prices and exchange rates are new.
    """
    chance = random.Random(20260301)
    gateway, litellm = _generated(first, days, calls)
    late = [index for index in range(len(gateway)) if chance.random() < 0.1]
    again = [index for index in range(len(gateway)) if chance.random() < 0.05]
    after_closing = iter(
        (first + timedelta(days=75, minutes=7 * number)).isoformat() + "Z"
        for number in range(len(late) + len(again))
    )
    early_calls = [row for index, row in enumerate(gateway) if index not in set(late)]
    came_late = [{**gateway[index], "ingested_at": next(after_closing)} for index in late]
    came_again = [
        {
            **gateway[index],
            "prompt_tokens": str(chance.randrange(30_000, 90_000)),
            "model": _other_model(gateway, index) if index % 2 else gateway[index]["model"],
            "ingested_at": next(after_closing),
        }
        for index in again
    ]
    contracts = {
        table: read_csv(SAMPLE / f"raw_{table}.csv")
        for table in ("contracts", "commitments", "provisioned_deployments", "billing_accounts")
    }
    prices = read_csv(SAMPLE / "raw_contract_prices.csv")
    rates = [
        {**rate, "rate_date": (first + timedelta(days=7 * week)).date().isoformat()}
        for rate in read_csv(SAMPLE / "raw_exchange_rates.csv")[:1]
        for week in range(days // 7 + 1)
    ]
    closings = [
        {"issuer": issuer, "billing_period": f"2026-0{month}", "closed_at": f"2026-0{month + 1}-06"}
        for issuer in ("OpenAI", "Anthropic", "Google")
        for month in (3, 4)
    ]
    return Workload(
        early={
            **contracts,
            "gateway_calls": early_calls,
            "litellm_spend_logs": litellm[: len(litellm) // 2],
            "contract_prices": prices[:3],
            "exchange_rates": rates[:8],
        },
        late={
            **contracts,
            "gateway_calls": [*early_calls, *came_late, *came_again],
            "litellm_spend_logs": litellm,
            "contract_prices": prices,
            "exchange_rates": rates,
            "billing_periods": closings,
        },
    )


def _other_model(calls: Sequence[RawRow], index: int) -> str | None:
    """The model of the nearest call of the same provider that another model answered."""
    call = calls[index]
    return next(
        (
            other["model"]
            for other in [*calls[index:], *calls[:index]]
            if other["provider"] == call["provider"] and other["model"] != call["model"]
        ),
        call["model"],
    )


def _generated(first: datetime, days: int, calls: int) -> tuple[list[RawRow], list[RawRow]]:
    """The demo's generator, for other months and another chance."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import generate_sample as sample
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    sample.SEED += 1
    sample.START, sample.DAYS, sample.END = first, days, first + timedelta(days=days)
    sample.GATEWAY_CALLS, sample.LITELLM_CALLS = calls, calls // 5
    texts = (sample.gateway_calls(), sample.litellm_spend_logs())
    gateway, litellm = (
        [
            {name: value or None for name, value in row.items()}
            for row in csv.DictReader(StringIO(text))
        ]
        for text in texts
    )
    return gateway, litellm


def read_csv(path: Path) -> list[RawRow]:
    """Give the rows of a CSV file; an empty field is null."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {name: value or None for name, value in row.items()} for row in csv.DictReader(file)
        ]


def read_jsonl(path: Path) -> list[RawRow]:
    """Give the objects of a JSON lines file, values as text, numbers as they are written."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        values = json.loads(line)
        written = json.loads(line, parse_float=str, parse_int=str)
        rows.append({name: _text(values[name], written[name]) for name in values})
    return rows


def _text(value: Any, written: Any) -> str | None:
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    return written or None
