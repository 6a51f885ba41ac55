"""Every FOCUS dataset, version and grain of the demo keeps every rule, recommended ones too.

The dbt tests stop a build for what FOCUS demands; here the demo is held to all of it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import focus_export, rows_of

from exporter.datasets import DATASETS
from exporter.focus.validate import check_file

EXTRACTS = [
    (dataset.name, str(dataset.focus_id), version, grain)
    for dataset in DATASETS.values()
    if dataset.focus_id
    for version in dataset.versions
    for grain in dataset.relations
]


@pytest.mark.parametrize(("name", "focus_id", "version", "grain"), EXTRACTS)
def test_no_rule_of_any_level_is_broken(
    demo_home: Path, tmp_path: Path, name: str, focus_id: str, version: str, grain: str
) -> None:
    file = tmp_path / "extract.parquet"
    arguments = ("--focus-version", version, "--grain", grain, "--output", file)
    result = focus_export("export", "--home", demo_home, "--dataset", name, *arguments)
    assert result.returncode == 0, result.stderr
    assert check_file(file, focus_id, version).failures == []


@pytest.mark.parametrize(
    ("relation", "key"),
    [
        ("ai_calls", "call_key"),
        ("ai_unpriced_usage", "(call_key, meter)"),
        ("ai_coverage", "(usage_month, service_provider_name)"),
        ("focus_cost_and_usage_daily", "x_ChargeId"),
    ],
)
def test_every_row_has_a_key_of_its_own(demo_home: Path, relation: str, key: str) -> None:
    query = f"select count(*), count(distinct {key}) from {relation}"
    ((rows, keys),) = rows_of(demo_home / "ai_focus.duckdb", query)
    assert rows == keys > 0
