"""A category of charges is one model and one line: what no source brings yet fits the whole way.

In a copy of the project: a purchase, a credit, a tax, a fee, and a commitment that pays for a part
of one charge. All data tests hold, the FOCUS rules of five versions among them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from conftest import ROOT, focus_export

STUBS = Path(__file__).resolve().parents[1] / "data" / "charge_categories"
COPIED = ("exporter", "macros", "models", "seeds", "tests/dbt", "dbt_project.yml", "profiles.yml")
VERSIONS = ("v1_0", "v1_1", "v1_2", "v1_3", "v1_4")
COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


def checkout_with(folder: Path, lines: dict[str, str]) -> Path:
    """Copy the project, with the stubs as models and other lines in the union."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder / name)
    charges = folder / "models" / "intermediate" / "charges"
    for model in STUBS.glob("*.sql"):
        shutil.copy(model, charges)
    union = charges / "int_charges.sql"
    text = union.read_text(encoding="utf-8")
    for old, new in lines.items():
        assert old in text
        text = text.replace(old, new)
    union.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder = tmp_path_factory.mktemp("categories")
    checkout = checkout_with(
        folder / "checkout",
        {"'usage',": "'drawn', 'purchases', 'credits', 'taxes', 'fees',"},
    )
    home = folder / "home"
    result = focus_export(
        "build", "--home", home, cwd=folder, variables={"PYTHONPATH": str(checkout)}
    )
    assert result.returncode == 0, result.stderr + result.stdout
    with duckdb.connect(str(home / "ai_focus.duckdb"), read_only=True) as connection:
        yield connection


def test_every_category_is_in_every_version_and_grain(built: duckdb.DuckDBPyConnection) -> None:
    for version in VERSIONS:
        for grain in ("", "_daily", "_monthly"):
            found = built.sql(
                "select ChargeCategory, sum(BilledCost)"
                f" from focus_cost_and_usage{grain}_{version}"
                " where ChargeCategory <> 'Usage' group by 1 order by 1"
            ).fetchall()
            assert found == [
                ("Credit", Decimal(-25)),
                ("Purchase", Decimal(1100)),
                ("Tax", Decimal(190)),
            ]


def test_a_charge_that_is_drawn_from_a_commitment_keeps_its_sums(
    built: duckdb.DuckDBPyConnection,
) -> None:
    parts = built.sql(
        "select charge_id, commitment_status, pricing_category from int_charges"
        " where charge_id like '%:used' or charge_id like '%:rest' order by charge_id desc"
    ).fetchall()
    assert [part[1:] for part in parts] == [("Used", "Committed"), (None, "Standard")]
    whole = parts[0][0].removesuffix(":used")
    sums = ", ".join(f"sum({cost})" for cost in (*COSTS, "consumed_quantity", "pricing_quantity"))
    (drawn,) = built.sql(
        f"select {sums} from int_charges where starts_with(charge_id, '{whole}:')"
    ).fetchall()
    (usage,) = built.sql(
        f"select {sums} from int_charges__usage where charge_id = '{whole}'"
    ).fetchall()
    # what the commitment pays was paid when it was bought
    assert drawn[0] == usage[0] * Decimal("0.4")
    assert drawn[1:] == usage[1:]
    named = built.sql(
        "select distinct CommitmentDiscountName, CommitmentDiscountCategory"
        f" from focus_cost_and_usage where x_ChargeId = '{whole}:used'"
    ).fetchall()
    assert len(named) == 1 and named[0][1] == "Spend"


def test_ids_are_unique_and_a_day_has_the_sums_of_its_charges(
    built: duckdb.DuckDBPyConnection,
) -> None:
    for relation in ("int_charges", "int_charges_daily", "int_charges_monthly"):
        ids = "select count(*), count(distinct charge_id) from " + relation
        ((rows, distinct),) = built.sql(ids).fetchall()
        assert rows == distinct
    sums = ", ".join(f"sum({cost})" for cost in COSTS)
    by = "select charge_category, commitment_status, billing_period_start, " + sums
    whole = f"{by} from int_charges group by all order by all"
    for relation in ("int_charges_daily", "int_charges_monthly"):
        assert (
            built.sql(f"{by} from {relation} group by all order by all").fetchall()
            == built.sql(whole).fetchall()
        )


def test_a_category_that_breaks_a_rule_is_noticed(tmp_path: Path) -> None:
    # the whole is charged beside its parts
    checkout = checkout_with(tmp_path / "checkout", {"'usage',": "'usage', 'drawn',"})
    result = focus_export(
        "build",
        "--home",
        tmp_path / "home",
        cwd=tmp_path,
        variables={"PYTHONPATH": str(checkout)},
    )
    assert result.returncode == 1
    results = json.loads((tmp_path / "home" / "target" / "run_results.json").read_text("utf-8"))
    failed = {it["unique_id"].split(".")[2] for it in results["results"] if it["status"] == "fail"}
    # what reads the charges after that is not even built
    assert "assert_meters_sum_to_call_totals" in failed
