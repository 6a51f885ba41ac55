"""The committed FOCUS marts and rule macro are what the reference seeds say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    path = ROOT / "scripts" / "generate_focus_models.py"
    spec = importlib.util.spec_from_file_location("generate_focus_models", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_generated_files_are_committed_as_generated(generator: ModuleType) -> None:
    stale = [str(path) for path in generator.stale_files(generator.generate())]
    assert stale == [], "run scripts/generate_focus_models.py"


def test_versions_have_as_many_columns_as_focus(generator: ModuleType) -> None:
    reference = generator.Reference()
    counts = {
        (dataset, version): sum(
            bool(row["focus_version"]) for row in reference.of_version(dataset, version)
        )
        for dataset in ("CostAndUsage", "ContractCommitment", "InvoiceDetail", "BillingPeriod")
        for version in reference.versions(dataset)
    }
    assert counts == {
        ("CostAndUsage", "1.0"): 43,
        ("CostAndUsage", "1.1"): 50,
        ("CostAndUsage", "1.2"): 57,
        ("CostAndUsage", "1.3"): 65,
        ("CostAndUsage", "1.4"): 65,
        ("ContractCommitment", "1.3"): 13,
        ("ContractCommitment", "1.4"): 30,
        ("InvoiceDetail", "1.4"): 22,
        ("BillingPeriod", "1.4"): 6,
    }


def test_a_version_is_deprecated_three_years_after_its_successor_came(
    generator: ModuleType,
) -> None:
    found = {}
    for file in generator.MARTS_OF:
        text = (ROOT / generator.MARTS / f"_{file.name}__models.yml").read_text(encoding="utf-8")
        for version in yaml.safe_load(text)["models"][0]["versions"]:
            found.setdefault(version["v"], set()).add(str(version.get("deprecation_date")))
    assert found == {
        "1.4": {"None"},
        "1.3": {"2029-06-04"},
        "1.2": {"2028-12-04"},
        "1.1": {"2028-05-29"},
        "1.0": {"2027-11-07"},
    }


def test_rule_ids_of_a_version_are_unique(generator: ModuleType) -> None:
    reference = generator.Reference()
    seen = [
        (row["rule_id"], version)
        for row in reference.rules
        for version in row["focus_versions"].split("|")
    ]
    assert len(seen) == len(set(seen))


def test_every_mart_version_has_a_contract_a_type_and_a_description_for_every_column() -> None:
    files = sorted((ROOT / "models/marts/focus").glob("_*__models.yml"))
    assert files
    for file in files:
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]:
            assert model["config"]["contract"]["enforced"] is True
            assert model["description"]
            assert all(column["data_type"] for column in model["columns"])
            assert all(column["description"] for column in model["columns"])
