"""A build compares its closed months with those of the published one: each difference is said."""

from __future__ import annotations

import csv
import shutil
import subprocess
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import assert_one_sentence, focus_export, rows_of
from test_build import build

from exporter.build.closed_months import Comparison, Moved, compare
from exporter.build.report import describe_moved
from exporter.home import Home

CLOSED = [("OpenAI", datetime(2026, 10, 1), datetime(2026, 11, 4, 9))]
CHARGE: dict[str, Any] = {
    "x_ChargeId": "one",
    "InvoiceIssuerName": "OpenAI",
    "BillingPeriodStart": datetime(2026, 10, 1),
    "BillingAccountId": "acme",
    "BillingCurrency": "USD",
    "SubAccountId": "research",
    "ConsumedQuantity": Decimal(1000),
    "PricingQuantity": Decimal("0.001"),
    "ListCost": Decimal("1.5"),
    "ContractedCost": Decimal("1.25"),
    "BilledCost": Decimal("1.25"),
    "EffectiveCost": Decimal("1.25"),
}
NOTHING: dict[str, Any] = {
    "before": None,
    "now": None,
    **{
        f"{what}{suffix}": value
        for what in ("added", "gone", "changed")
        for suffix, value in (("", 0), ("_cost", Decimal(0)))
    },
}


def write_build(
    folder: Path, charges: list[dict[str, Any]], closed: list[tuple[Any, ...]] | None = None
) -> Path:
    """Write what is asked of a build, as a view over a table, which is how a build has it."""
    folder.mkdir(parents=True)
    database = folder / "ai_focus.duckdb"
    types = {str: "varchar", datetime: "timestamp", Decimal: "decimal(38, 18)"}
    columns = [f"{name} {types[type(value)]}" for name, value in CHARGE.items()]
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table charges ({', '.join(columns)})")
        connection.execute('create view focus_cost_and_usage as from "ai_focus"."main"."charges"')
        connection.execute(
            "create table stg_billing__billing_periods"
            " (invoice_issuer_name varchar, billing_period_start timestamp, closed_at timestamp)"
        )
        for charge in charges:
            values = [charge[name] for name in CHARGE]
            connection.execute(
                f"insert into charges values ({', '.join('?' * len(values))})", values
            )
        for period in CLOSED if closed is None else closed:
            connection.execute("insert into stg_billing__billing_periods values (?, ?, ?)", period)
    return database


def publish(path: Path, *arguments: Any) -> Home:
    """Give a home whose published build has these charges and closings."""
    write_build(path / "builds" / "before", *arguments)
    (path / "logs").mkdir()
    (path / "ai_focus.duckdb").symlink_to(Path("builds", "before", "ai_focus.duckdb"))
    return Home(path)


def moved(**changes: Any) -> Moved:
    whose = {"issuer": "OpenAI", "month": "2026-10", "account": "acme", "currency": "USD"}
    return Moved(**(whose | NOTHING | changes))


def test_equal_months_are_silent_whatever_the_order_of_their_charges(tmp_path: Path) -> None:
    other = CHARGE | {"x_ChargeId": "two", "BilledCost": Decimal(2)}
    home = publish(tmp_path / "home", [CHARGE, other])
    stale = home.logs / "closed_months.csv"
    stale.write_text("of the build before")
    now = write_build(tmp_path / "now", [other, CHARGE])
    assert compare(home, now) == Comparison()
    assert not stale.exists()
    # nothing is left beside the build
    assert [path.name for path in now.parent.iterdir()] == ["ai_focus.duckdb"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("ConsumedQuantity", Decimal(1001)),
        ("PricingQuantity", Decimal("0.001001")),
        ("ListCost", Decimal("1.500000000000000001")),
        ("ContractedCost", Decimal("1.26")),
        ("BilledCost", Decimal("1.26")),
        ("EffectiveCost", Decimal("1.26")),
        ("SubAccountId", "sales"),
        ("SubAccountId", None),
    ],
)
def test_a_charge_of_a_closed_month_that_says_something_else_has_changed(
    tmp_path: Path, column: str, value: Any
) -> None:
    home = publish(tmp_path / "home", [CHARGE])
    found = compare(home, write_build(tmp_path / "now", [CHARGE | {column: value}]))
    now = value if column == "BilledCost" else Decimal("1.25")
    then = Decimal("1.25")
    expected = moved(before=then, now=now, changed=1, changed_cost=now - then)
    assert found == Comparison([expected], file=home.logs / "closed_months.csv")


def test_charges_are_added_and_gone_by_account_and_each_is_written_down(tmp_path: Path) -> None:
    lost = CHARGE | {"x_ChargeId": "lost", "BilledCost": Decimal("0.5")}
    late = CHARGE | {"x_ChargeId": "late", "BilledCost": Decimal("0.25")}
    of_zeta = CHARGE | {"x_ChargeId": "zeta", "BillingAccountId": "zeta"}
    as_before = CHARGE | {"x_ChargeId": "other", "BillingAccountId": "other"}
    home = publish(tmp_path / "home", [CHARGE, lost, of_zeta, as_before])
    found = compare(home, write_build(tmp_path / "now", [CHARGE, late, as_before]))
    assert found.moved == [
        moved(
            before=Decimal("1.75"),
            now=Decimal("1.5"),
            added=1,
            added_cost=Decimal("0.25"),
            gone=1,
            gone_cost=Decimal("0.5"),
        ),
        moved(account="zeta", before=Decimal("1.25"), gone=1, gone_cost=Decimal("1.25")),
    ]
    assert describe_moved(found) == [
        "Moved: the closed period 2026-10 of OpenAI, account acme, has 1.5 USD; in the build before"
        " it had 1.75 USD: 1 charge gone with 0.5 USD, 1 charge added with 0.25 USD.",
        "Moved: the closed period 2026-10 of OpenAI, account zeta, has no charge in USD; in the"
        " build before it had 1.25 USD: 1 charge gone with 1.25 USD.",
        f"Each of these charges stands in {home.logs / 'closed_months.csv'}. Raw files may be"
        " missing, or rows came without ingested_at or recorded_at.",
    ]
    with (home.logs / "closed_months.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [
        (row["change"], row["charge_id"], row["billed_cost_before"], row["billed_cost_now"])
        for row in rows
    ] == [
        ("added", "late", "", "0.250000000000000000"),
        ("gone", "lost", "0.500000000000000000", ""),
        ("gone", "zeta", "1.250000000000000000", ""),
    ]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        # not closed yet in the build before
        ([], CLOSED),
        # closed at another moment
        ([(*CLOSED[0][:2], datetime(2026, 11, 5))], CLOSED),
        # closed by another issuer, and of another month
        ([("Mistral AI", *CLOSED[0][1:])], [("Mistral AI", *CLOSED[0][1:])]),
        ([(CLOSED[0][0], datetime(2026, 9, 1), CLOSED[0][2])],) * 2,
    ],
)
def test_only_months_that_both_builds_have_closed_alike_are_compared(
    tmp_path: Path, then: list[tuple[Any, ...]], now: list[tuple[Any, ...]]
) -> None:
    home = publish(tmp_path / "home", [CHARGE], then)
    changed = CHARGE | {"BilledCost": Decimal(2)}
    assert compare(home, write_build(tmp_path / "now", [changed], now)) == Comparison()


def test_a_closed_month_that_is_open_again_is_said(tmp_path: Path) -> None:
    november = ("OpenAI", datetime(2026, 11, 1), datetime(2026, 12, 3))
    home = publish(tmp_path / "home", [CHARGE], [*CLOSED, november])
    for folder, closed, months in (
        ("one", [november], ["2026-10"]),
        ("none", [], ["2026-10", "2026-11"]),
    ):
        found = compare(home, write_build(tmp_path / folder, [CHARGE], closed))
        assert found == Comparison(opened=[(month, "OpenAI") for month in months])
        assert not found.is_equal
        assert describe_moved(found)[0] == (
            "Opened again: the period 2026-10 of OpenAI was closed in the build before, and is open"
            " in this one; a file of billing_periods may be missing."
        )


def test_a_build_of_another_shape_is_said_not_to_be_comparable(tmp_path: Path) -> None:
    home = publish(tmp_path / "home", [CHARGE])
    with duckdb.connect(str(home.database.resolve())) as connection:
        connection.execute('alter table charges rename "EffectiveCost" to "Cost"')
    now = write_build(tmp_path / "now", [CHARGE])
    found = compare(home, now)
    assert found.hindrance
    # without a closed month there is nothing to say
    of_none = compare(home, write_build(tmp_path / "open", [CHARGE], []))
    assert of_none == Comparison()
    assert "EffectiveCost" in found.hindrance
    assert (found.moved, describe_moved(found)) == ([], [])


def test_of_many_accounts_the_first_are_named(tmp_path: Path) -> None:
    charges = [CHARGE | {"x_ChargeId": f"{it}", "BillingAccountId": f"{it:02}"} for it in range(23)]
    home = publish(tmp_path / "home", charges)
    lines = describe_moved(compare(home, write_build(tmp_path / "now", [])))
    assert [line for line in lines if "account 19," in line] == [lines[19]]
    assert lines[20] == "and 3 more accounts and closed months that moved."
    assert len(lines) == 22


@pytest.fixture
def closing_toy(toy_project: Path, tmp_path: Path) -> Path:
    """A project with a closed October, whose cost is a variable; 0 is no charge at all."""
    toy = Path(shutil.copytree(toy_project, tmp_path / "toy"))
    charges = toy / "models" / "focus_cost_and_usage.sql"
    charges.write_text(charges.read_text() + " where {{ var('cost', '1.25') }} > 0")
    periods = toy / "models" / "stg_billing__billing_periods.sql"
    periods.write_text(periods.read_text().replace("where 1 = 0", ""))
    return toy


def test_a_closed_month_that_moves_is_said_once_and_strict_publishes_nothing(
    closing_toy: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"

    def build_with(cost: str, *options: str) -> subprocess.CompletedProcess[str]:
        return build(closing_toy, home, "--quiet", "--vars", f"{{cost: '{cost}'}}", *options)

    for options in ([], ["--strict"]):
        result = build_with("1.25", *options)
        assert (result.returncode, result.stderr) == (0, "")
    published = (home / "ai_focus.duckdb").readlink()
    # as when the raw files are gone
    refused = build_with("0", "--strict")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.startswith("Error: Nothing was published, since closed months moved and")
    assert "has no charge in USD; in the build before it had 1.25 USD: 1 charge" in refused.stderr
    assert (home / "ai_focus.duckdb").readlink() == published
    assert [path.name for path in (home / "builds").glob("[!.]*")].count(published.parent.name) == 1
    assert not (home / "builds" / ".building").exists()
    assert (home / "logs" / "closed_months.csv").exists()
    periods = closing_toy / "models" / "stg_billing__billing_periods.sql"
    closing = periods.read_text()
    periods.write_text(f"{closing} where 1 = 0")
    refused = build_with("1.25", "--strict")
    assert (refused.returncode, "Opened again: the period 2026-10" in refused.stderr) == (3, True)
    periods.write_text(closing)
    # without it the difference is said, and the next build compares with this one
    result = build_with("1.5")
    assert result.returncode == 0
    assert result.stderr.startswith(
        "Moved: the closed period 2026-10 of OpenAI, account acme, has 1.5 USD; "
        "in the build before it had 1.25 USD: 1 charge changed by 0.25 USD."
    )
    assert build_with("1.5", "--strict").stderr == ""


def test_a_new_build_without_what_is_compared_is_a_mistake_and_an_older_one_none(
    closing_toy: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    model = closing_toy / "models" / "focus_cost_and_usage.sql"
    content = model.read_text()
    model.write_text(content.replace("x_ChargeId", "x_Charge"))
    assert build(closing_toy, home, "--quiet").returncode == 0
    assert_one_sentence(build(closing_toy, home, "--quiet"), 2, "x_ChargeId")
    model.write_text(content)
    result = build(closing_toy, home, "--quiet", "--strict")
    assert result.returncode == 0
    assert result.stderr.startswith("Note: The closed months can't be compared")


CALL = "old-{0},openai,gpt-5-mini,2026-10-0{0}T09:30:00Z,840,2000,500,acme,2026-10-09T09:31:00Z\n"
HEADER = (
    "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens,customer_id,"
    "ingested_at\n"
)


def test_a_log_of_a_closed_month_that_was_rotated_away_is_said_and_strict_refuses(
    tmp_path: Path,
) -> None:
    raw, home = tmp_path / "raw", tmp_path / "home"
    for name, content in {
        "gateway/first.csv": HEADER + CALL.format(1),
        "gateway/second.csv": HEADER + CALL.format(2),
        "billing_periods/closed.csv": "issuer,billing_period,closed_at\n"
        "openai,2026-10,2026-11-04T09:00:00Z\n",
    }.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_text(content)
    arguments = ("build", "--home", home, "--raw-dir", raw, "--quiet")
    assert focus_export(*arguments, "--strict").stderr == ""
    published = (home / "ai_focus.duckdb").readlink()
    (raw / "gateway" / "first.csv").unlink()
    refused = focus_export(*arguments, "--strict")
    assert refused.returncode == 3
    # 2,000 tokens at 0.25 and 500 at 2 USD a million, twice
    words = (
        "account acme, has 0.0015 USD; in the build before it had 0.003 USD: 2 charges gone with"
    )
    assert f"2026-10 of OpenAI, {words} 0.0015 USD." in refused.stderr
    assert (home / "ai_focus.duckdb").readlink() == published
    assert rows_of(home / "ai_focus.duckdb", "select count(*) from focus_cost_and_usage") == [(4,)]
