"""A build whose spend has everything that the demo's lacks: currencies, credits, odd names."""

from __future__ import annotations

from pathlib import Path

import duckdb
from api_client import copy_home
from charges_table import store_charges

from exporter.home import Home

HOSTILE = "<img src=x onerror=\"document.title='run'\">"
FORMULA = "=1+1"
TINY = "Tiny"
# a billed cost that no rounding may turn into nothing
TINY_COST = "0.000000000001"
CREDITED = "Engineering"

_COSTS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")


def make_world(demo_home: Path, folder: Path) -> Home:
    """Copy the demo's build into a new home, and change its charges."""
    home = copy_home(demo_home, folder)
    change(home.database.resolve())
    return home


def change(database: Path) -> None:
    """Change the charges of a build, as inputs would that the demo does not have."""
    negated = ", ".join(f"-{cost} as {cost}" for cost in _COSTS)
    tiny = ", ".join(f"{TINY_COST} as {cost}" for cost in _COSTS)
    with duckdb.connect(str(database)) as connection:
        store_charges(connection)
        for statement, values in (
            (
                "insert into int_charges select * replace (call_key || '-credit' as call_key,"
                " charge_id || '-credit' as charge_id,"
                f" 'Credit' as charge_category, {negated}) from int_charges"
                " where sub_account_id = ? order by call_key, meter limit 20",
                [CREDITED],
            ),
            (
                "insert into int_charges select * replace (call_key || '-tiny' as call_key,"
                " charge_id || '-tiny' as charge_id,"
                f" $1 as sub_account_id, $1 as sub_account_name, {tiny}) from int_charges"
                " where charge_category = 'Usage' order by call_key, meter limit 1",
                [TINY],
            ),
            (
                "insert into int_charges select * replace (call_key || '-formula' as call_key,"
                " charge_id || '-formula' as charge_id,"
                " $1 as sub_account_id, $1 as sub_account_name) from int_charges"
                " where charge_category = 'Usage' order by call_key, meter limit 1",
                [FORMULA],
            ),
            (
                "update int_charges set sub_account_id = $1, sub_account_name = $1"
                " where sub_account_id = 'Legal'",
                [HOSTILE],
            ),
            (
                "update int_charges set billing_currency = 'EUR' where billing_account_id = ?",
                ["org-globex"],
            ),
            # four costs that are not the same
            (
                "update int_charges set effective_cost = billed_cost + list_cost,"
                " contracted_cost = contracted_cost + list_cost + list_cost"
                " where sub_account_id not in (?, ?)",
                [CREDITED, TINY],
            ),
        ):
            connection.execute(statement, values)
        connection.execute("force checkpoint")
