"""Who may read the marts is a variable, and a grant in the warehouse's own words."""

from __future__ import annotations

import json

import pytest
from compiled import run_dbt, scratch

GRANTS = {
    "snowflake": (
        "select",
        "analysts",
        "grant select on analytics.ai_focus.ai_coverage to analysts",
    ),
    "bigquery": (
        "roles/bigquery.dataViewer",
        "group:finops@example.org",
        "grant `roles/bigquery.dataViewer` on ",
    ),
}
OFFLINE = ("--no-populate-cache", "--no-introspect")


def _grants(
    target: str, variables: dict[str, object], statement: str
) -> tuple[dict[str, dict[str, list[str]]], str]:
    """The grants of one model of each mart folder and of one that is no mart; a statement."""
    folder = scratch() / f"grants-{target}"
    told = ("--target", target, "--vars", json.dumps(variables), "--inline", statement)
    written = run_dbt("compile", *OFFLINE, *told, folder=folder)
    nodes = json.loads((folder / "target" / "manifest.json").read_text())["nodes"].values()
    names = {"focus_cost_and_usage_v1_4", "ai_coverage", "int_usage"}
    found = {node["alias"]: node["config"]["grants"] for node in nodes if node["alias"] in names}
    return found, written


@pytest.mark.parametrize("target", GRANTS)
def test_each_mart_folder_has_its_own_grants(target: str) -> None:
    privilege, grantee, statement = GRANTS[target]
    everybody, one = {privilege: ["everybody"]}, {privilege: [grantee]}
    call = f"{{{{ get_grant_sql(ref('ai_coverage'), '{privilege}', ['{grantee}']) }}}}"
    found, written = _grants(target, {"focus_grants": everybody, "finops_grants": one}, call)
    assert found == {
        "focus_cost_and_usage_v1_4": everybody,
        "ai_coverage": one,
        "int_usage": {},
    }
    assert statement in written
    assert grantee in written


def test_duckdb_grants_nothing() -> None:
    grants = {"select": ["analysts"]}
    found, _ = _grants("duckdb", {"focus_grants": grants, "finops_grants": grants}, "select 1")
    assert list(found.values()) == [{}, {}, {}]
