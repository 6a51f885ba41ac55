"""Examples of what the routes answer: rows of the synthetic demo."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from exporter.api.datasets import ApiDataset
from exporter.api.parameters import PAGE_SIZE
from exporter.datasets import ALLOCATED_COST, DATASETS
from exporter.focus.schemas import read_columns
from exporter.project import Project

_EXAMPLES = Path(__file__).with_name("examples.json")


@lru_cache(maxsize=1)
def read_examples() -> dict[str, dict[str, Any]]:
    """Read one example row of each dataset, with the columns of all versions."""
    examples: dict[str, dict[str, Any]] = json.loads(_EXAMPLES.read_text(encoding="utf-8"))
    return examples


def page_example(entry: ApiDataset, project: Project) -> dict[str, Any]:
    """Give an example of the answer of a dataset's list."""
    dataset = DATASETS[entry.name]
    version = entry.default_version
    names = [
        column["column_name"] for column in read_columns(project, str(dataset.focus_id), version)
    ]
    row = {name: read_examples()[entry.name].get(name) for name in names}
    currency = str(row.get("BillingCurrency"))
    costs = {name: f"{row[name]}" for name in dataset.costs}
    if dataset.allocates:
        costs[ALLOCATED_COST] = costs["EffectiveCost"] if row["SubAccountId"] else "0"
    categories = []
    if "ChargeCategory" in row:
        categories.append({"chargeCategory": row["ChargeCategory"], "rows": 1, **costs})
    coverage = {
        "missingCalls": 1,
        "missingTokens": 1000,
        "missingStatedCost": "0.0125",
        "statedCostCurrency": "USD",
        "unknownCostCalls": 0,
        "missingBuckets": 0,
        "calls": 2,
        "pricedCalls": 1,
        "pricedCallsShare": "0.5",
        "tokens": 4000,
        "pricedTokens": 3000,
        "pricedTokensShare": "0.75",
        "comparedCalls": 1,
        "differingCalls": 0,
        "unexplainedCalls": 0,
        "equalCallsShare": "1",
        "explainedCallsShare": "0",
        "unexplainedCallsShare": "0",
        "comparedStatedCost": "0.0375",
        "equalStatedCostShare": "1",
        "explainedStatedCostShare": "0",
        "unexplainedStatedCostShare": "0",
        "quarantinedCalls": {"unknown_model": 1},
        "usageUntil": "2026-10-31T23:59:50Z",
        "waitingFor": {"2026-10": ["litellm"]},
        "rejectedRecords": 0,
        "countedBy": [],
    }
    return {
        "dataset": entry.name,
        "focusVersion": version,
        "build": {"id": "20261101T060000000000Z", "finishedAt": "2026-11-01T06:00:40Z"},
        "filters": {},
        "pageSize": PAGE_SIZE,
        "nextPageToken": None,
        "totals": {
            "exact": True,
            "rows": 1,
            "currencies": [
                {
                    "billingCurrency": currency,
                    "rows": 1,
                    **costs,
                    **({"allocatedCostShare": "1"} if dataset.allocates else {}),
                    "byChargeCategory": categories,
                }
            ],
        },
        "coverage": coverage if dataset.holds_usage else None,
        "records": [row],
    }


def spend_example(entry: ApiDataset, project: Project) -> dict[str, Any]:
    """Give an example of the answer of a dataset's sums."""
    page = page_example(entry, project)
    [total] = page["totals"]["currencies"]
    group = {"keys": {"month": "2026-10"}, "names": {}, **total}
    kept = ("dataset", "focusVersion", "build", "filters", "totals", "coverage")
    return {
        **{name: page[name] for name in kept},
        "groupBy": ["month"],
        "groups": [group],
        "truncated": False,
    }
