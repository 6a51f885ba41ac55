"""Every FOCUS rule passes on valid rows and fails on a row that breaks it.

For each dataset version a small valid table is made from the reference. Each rule then gets exactly
one mutation; a rule without one, or with one that it does not notice, fails the suite.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from exporter.datasets import FOCUS_IDS
from exporter.focus import rules

VERSIONS = [
    (dataset, version) for dataset in FOCUS_IDS.values() for version in rules.versions(dataset)
]
TYPES = {
    "ListUnitPrice": "decimal(20,12)",
    "ContractedUnitPrice": "decimal(20,12)",
    "PricingQuantity": "decimal(18,6)",
}

# What a column holds unless a row says otherwise; columns that are not named here are null.
USAGE = {
    "BilledCost": "1.5", "EffectiveCost": "1.5", "ListCost": "2", "ContractedCost": "1.5",
    "ListUnitPrice": "4", "ContractedUnitPrice": "3", "PricingQuantity": "0.5",
    "PricingUnit": "1000000 Tokens", "ConsumedQuantity": "500000", "ConsumedUnit": "Tokens",
    "PricingCurrency": "USD", "PricingCurrencyListUnitPrice": "4",
    "PricingCurrencyContractedUnitPrice": "3", "PricingCurrencyEffectiveCost": "1.5",
    "BillingAccountId": "acme", "BillingAccountName": "Acme", "BillingAccountType": "Customer",
    "BillingCurrency": "USD", "BillingPeriodStart": "2026-01-01T00:00:00Z",
    "BillingPeriodEnd": "2026-02-01T00:00:00Z", "ChargePeriodStart": "2026-01-05T10:00:00Z",
    "ChargePeriodEnd": "2026-01-05T10:00:01Z", "ChargeCategory": "Usage",
    "ChargeDescription": "Output tokens", "ChargeFrequency": "Usage-Based",
    "HostProviderName": "OpenAI", "InvoiceIssuerName": "OpenAI", "ProviderName": "OpenAI",
    "PublisherName": "OpenAI", "ServiceProviderName": "OpenAI", "PricingCategory": "Standard",
    "ServiceCategory": "AI and Machine Learning", "ServiceSubcategory": "Generative AI",
    "ServiceName": "OpenAI API", "SkuId": "openai/m/output", "SkuMeter": "Output Tokens",
    "SkuPriceId": "openai/m/output/standard", "SkuPriceDetails": '{"x_ModelId": "m"}',
}  # fmt: skip
RICH = {
    "AvailabilityZone": "z1", "RegionId": "us-east-1", "RegionName": "Virginia",
    "ResourceId": "call-1", "ResourceName": "Call 1", "ResourceType": "AI Model Call",
    "SubAccountId": "d1", "SubAccountName": "Research", "SubAccountType": "Department",
    "Tags": '{"x-cost-department": "d1", "urgent": true, "n": 1.5}', "InvoiceId": "i-1",
    "InvoiceDetailId": "i-1-1", "CapacityReservationId": "cap-1",
    "CapacityReservationStatus": "Used", "AllocatedMethodId": "even",
    "AllocatedMethodDetails": '{"Elements": [{"AllocatedRatio": 0.5}]}',
    "AllocatedResourceId": "call-2", "AllocatedResourceName": "Call 2", "AllocatedTags": "{}",
    "CommitmentProgramEligibilityDetails": '{"CommitmentPrograms": [{"ProgramType": "p"}]}',
}  # fmt: skip
COMMITMENT = {
    "CommitmentDiscountId": "cd-1", "CommitmentDiscountName": "Tokens 2026",
    "CommitmentDiscountCategory": "Usage", "CommitmentDiscountType": "Provisioned",
    "CommitmentDiscountQuantity": "10", "CommitmentDiscountUnit": "Hours",
    "ContractApplied": '{"Elements": []}', "ServiceName": "Provisioned", "SkuId": "openai/unit",
    "SkuPriceId": "openai/unit/1", "SkuMeter": "Unit Hours",
}  # fmt: skip
UNPRICED: dict[str, str | None] = dict.fromkeys(
    ("SkuId", "SkuMeter", "SkuPriceId", "SkuPriceDetails", "ListUnitPrice", "ContractedUnitPrice",
     "PricingQuantity", "PricingUnit", "PricingCategory", "ConsumedQuantity", "ConsumedUnit",
     "PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice")
)  # fmt: skip
NOT_CONSUMED: dict[str, str | None] = {"ConsumedQuantity": None, "ConsumedUnit": None}


def costs(amount: str) -> dict[str, str | None]:
    """The same amount in every cost."""
    names = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")
    return dict.fromkeys((*names, "PricingCurrencyEffectiveCost"), amount)


COST_AND_USAGE: dict[str, dict[str, str | None]] = {
    "usage": {},
    "rich": {**RICH},
    "purchase": {
        **COMMITMENT, **NOT_CONSUMED, "ChargeCategory": "Purchase", "ChargeFrequency": "One-Time",
        "EffectiveCost": "0", "PricingCurrencyEffectiveCost": "0",
    },
    "used": {
        **COMMITMENT, "CommitmentDiscountStatus": "Used", "PricingCategory": "Committed",
        "BilledCost": "0",
    },
    "unused": {
        **COMMITMENT, **NOT_CONSUMED, "CommitmentDiscountStatus": "Unused", "BilledCost": "0",
        "PricingCategory": "Committed", "ResourceId": "cd-1", "ResourceType": "Commitment",
    },
    "tax": {**UNPRICED, **costs("0.3"), "ChargeCategory": "Tax", "ChargeFrequency": "Recurring"},
    "credit": {
        **UNPRICED, **costs("-5"), "ChargeCategory": "Credit", "ChargeFrequency": "One-Time",
    },
    "correction": {"ChargeClass": "Correction", "ChargePeriodStart": "2025-12-05T10:00:00Z"},
}  # fmt: skip
COMMITMENT_BASE = {
    "BillingCurrency": "USD", "ContractCommitmentApplicability": '{"IsGlobalScope": true}',
    "ContractCommitmentBenefitCategory": "Discount", "ContractCommitmentCategory": "Spend",
    "ContractCommitmentCost": "100000", "ContractCommitmentCreated": "2025-12-01T00:00:00Z",
    "ContractCommitmentDescription": "Yearly spend",
    "ContractCommitmentDiscountPercentage": "0.1", "ContractCommitmentDurationType": "1 Year",
    "ContractCommitmentFulfillmentInterval": "Full Period", "ContractCommitmentId": "k-1",
    "ContractCommitmentLastUpdated": "2025-12-02T00:00:00Z",
    "ContractCommitmentLifecycleStatus": "Active", "ContractCommitmentModel": "Continuous",
    "ContractCommitmentOfferCategory": "Negotiated",
    "ContractCommitmentPaymentInterval": "Monthly",
    "ContractCommitmentPaymentModel": "No Upfront",
    "ContractCommitmentPaymentUpfrontPercentage": "0",
    "ContractCommitmentPeriodStart": "2026-01-01T00:00:00Z",
    "ContractCommitmentPeriodEnd": "2027-01-01T00:00:00Z", "ContractCommitmentType": "Spend",
    "ContractId": "c-1", "ContractPeriodStart": "2026-01-01T00:00:00Z",
    "ContractPeriodEnd": "2027-01-01T00:00:00Z", "InvoiceIssuerName": "OpenAI",
    "PricingCurrency": "USD", "PricingCurrencyContractCommitmentCost": "100000",
    "ServiceProviderName": "OpenAI",
}  # fmt: skip
CONTRACT_COMMITMENT: dict[str, dict[str, str | None]] = {
    "spend": {},
    "usage": {
        "ContractCommitmentId": "k-2", "ContractCommitmentCategory": "Usage",
        "ContractCommitmentCost": None, "PricingCurrencyContractCommitmentCost": None,
        "ContractCommitmentQuantity": "5000", "ContractCommitmentUnit": "1000000 Tokens",
        "ContractCommitmentBenefitCategory": "Availability",
        "ContractCommitmentDiscountPercentage": None,
    },
}  # fmt: skip

# Relation rules that no general recipe breaks: the valid row, and what a copy of it has instead.
RELATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "CostAndUsage.ChargePeriodStart.in_billing_period": (
        "usage", {"ChargePeriodStart": "BillingPeriodEnd"}),
    "CostAndUsage.ChargeFrequency.not_usage_based_purchase": (
        "purchase", {"ChargeFrequency": "'Usage-Based'"}),
    "CostAndUsage.EffectiveCost.commitment_purchase": ("purchase", {"EffectiveCost": "1"}),
    "CostAndUsage.EffectiveCost.uncovered": ("usage", {"EffectiveCost": "1.4"}),
    "CostAndUsage.ListCost.credit": ("credit", {"ListCost": "-4"}),
    "CostAndUsage.ContractedCost.credit": ("credit", {"ContractedCost": "-4"}),
    "CostAndUsage.BilledCost.credit_sign": ("credit", {"BilledCost": "5"}),
    "CostAndUsage.CommitmentDiscountStatus.usage_only": (
        "purchase", {"CommitmentDiscountStatus": "'Used'"}),
    "CostAndUsage.PricingCategory.committed": ("used", {"PricingCategory": "'Standard'"}),
    "CostAndUsage.PricingCategory.commitment_purchase": (
        "purchase", {"PricingCategory": "'Committed'"}),
    "CostAndUsage.ResourceId.unused_commitment": ("unused", {"ResourceId": "'call-9'"}),
    "CostAndUsage.SkuMeter.with_sku": ("usage", {"SkuMeter": "null"}),
    "CostAndUsage.InvoiceDetailId.with_invoice": ("rich", {"InvoiceId": "null"}),
    "CostAndUsage.ServiceSubcategory.within_category": (
        "usage", {"ServiceSubcategory": "'Containers'"}),
    "ContractCommitment.ContractCommitmentPeriodStart.in_contract": (
        "spend", {"ContractCommitmentPeriodStart": "timestamp '2025-12-31'"}),
    "ContractCommitment.ContractCommitmentPeriodEnd.in_contract": (
        "spend", {"ContractCommitmentPeriodEnd": "timestamp '2027-01-02'"}),
    "ContractCommitment.ContractCommitmentDiscountPercentage.share": (
        "spend", {"ContractCommitmentDiscountPercentage": "10"}),
    "ContractCommitment.ContractCommitmentPaymentUpfrontPercentage.share": (
        "spend", {"ContractCommitmentPaymentUpfrontPercentage": "-0.1"}),
    "ContractCommitment.ContractCommitmentPaymentUpfrontPercentage.payment_model": (
        "spend", {"ContractCommitmentPaymentUpfrontPercentage": "0.5"}),
    "ContractCommitment.ContractCommitmentLastUpdated.after_created": (
        "spend", {"ContractCommitmentLastUpdated": "timestamp '2025-11-30'"}),
}  # fmt: skip
WRONG_FORMATS = {
    "currency": "usd",
    "unit": "1K tokens",
    "key_value": '{"a": {"b": 1}}',
    "json_object": "[1]",
    "duration": "one year",
}


def base_rows(dataset: str, version: str) -> dict[str, dict[str, str | None]]:
    """The valid rows of a dataset version, as text."""
    if dataset == "ContractCommitment":
        return {name: {**COMMITMENT_BASE, **row} for name, row in CONTRACT_COMMITMENT.items()}
    rows = {name: {**USAGE, **row} for name, row in COST_AND_USAGE.items()}
    if version == "1.0":  # which asks for a quantity on unused rows too
        rows["unused"].update(ConsumedQuantity="1", ConsumedUnit="Tokens")
    return rows


def sql_type(column: dict[str, Any]) -> str:
    """Type of a column in the valid table."""
    if column["type"] == "Decimal":
        return TYPES.get(column["name"], "decimal(38,18)")
    return "timestamp" if column["type"] == "Date/Time" else "varchar"


class Bench:
    """The valid rows of one dataset version (`valid`), and `data`, which the query judges."""

    def __init__(self, dataset: str, version: str, typed: bool) -> None:
        self.dataset, self.version = dataset, version
        self.columns = {c["name"]: c for c in rules.focus_columns(dataset, version)}
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        items = ", ".join(
            f"{name} {sql_type(column) if typed else 'varchar'}"
            for name, column in self.columns.items()
        )
        for table in ("valid", "data"):
            self.connection.execute(f"create table {table} (_row bigint, _name varchar, {items})")
        for number, (name, row) in enumerate(base_rows(dataset, version).items(), start=1):
            self.connection.execute(
                f"insert into valid values ({', '.join(['?'] * (len(self.columns) + 2))})",
                [-number, name, *(row.get(column) for column in self.columns)],
            )
        described = self.connection.execute("describe data").fetchall()
        self.catalog = [(row[0], row[1]) for row in described if not row[0].startswith("_")]
        self.sql, self.rule_ids = rules.prepare_check(
            self.connection, "data", self.catalog, dataset, version, typed
        )
        text = [n for n, c in self.columns.items() if c["type"] in ("Decimal", "Date/Time")]
        self.value_rules = rules.value_rules(
            dataset, version, list(self.columns), [] if typed else text
        )
        self.group_rules = {
            rule["id"]: rule["columns"]
            for rule in rules.reference(dataset, version)["rules"]
            if rule["kind"] in ("group", "unique")
        }

    def judge(self) -> dict[str, int]:
        """Failing rows of `data` by rule id."""
        found = self.connection.execute(self.sql).fetchall()
        return {rule_id: count for rule_id, _, count, _ in found}

    def start_with_valid_rows(self) -> None:
        self.connection.execute("delete from data")
        self.connection.execute("insert into data from valid")

    def add_mutant(self, number: int, where: str, changes: dict[str, str]) -> None:
        """Add a changed copy of a valid row, numbered for its rule."""
        items = ", ".join(f"{value} as {name}" for name, value in changes.items())
        added = self.connection.execute(
            f"insert into data select * replace ({number} as _row, {items}) from valid "
            f"where {where} order by _row desc limit 1"
        ).fetchone()
        assert added == (1,), f"no valid row to change: {where}"

    def rules_that_see_their_mutant(self) -> set[str]:
        """Ids of the row rules that fail on the row numbered for them."""
        items = ", ".join(
            f"count(case when _row = {number} and ({rule['predicate']}) then 1 end)"
            for number, rule in enumerate(self.value_rules)
        )
        counts = self.connection.execute(f"select {items} from _typed").fetchone()
        assert counts is not None
        return {
            rule["id"] for rule, count in zip(self.value_rules, counts, strict=True) if count == 1
        }

    def mutation(self, rule_id: str) -> tuple[str, dict[str, str]]:
        """The one mutation of a row rule: which valid row, and what changes; KeyError if none."""
        if rule_id in RELATIONS:
            row, changes = RELATIONS[rule_id]
            return f"_name = '{row}'", changes
        _, name, promise = rule_id.split(".")
        column = self.columns[name]
        if promise == "null_when":
            where = f"{name} is null and ({column['null_when']})"
            return where, {name: self.sample(column)}
        if promise == "not_null_when":
            return f"{name} is not null and ({column['not_null_when']})", {name: "null"}
        if promise == "format":
            return "_row = -1", {name: f"'{WRONG_FORMATS[column['format']]}'"}
        return "_row = -1", {
            "not_null": {name: "null"},
            "not_blank": {name: "''"},
            "allowed": {name: "'Nonsense'"},
            "non_negative": {name: "-1"},
            "after_start": {name: name.replace("End", "Start")},
            # one unit in the eighteenth decimal
            "product": {name: f"{name} + 0.000000000000000001"},
            "same_currency": {name: f"{name} + 1"},
        }[promise]

    def sample(self, column: dict[str, Any]) -> str:
        """Some value of the column's type."""
        if column["type"] == "Decimal":
            return "1"
        if column.get("allowed"):
            return f"'{column['allowed'][0]}'"
        return "'{}'" if column["type"] == "JSON" else "'Tokens'"


@pytest.fixture(scope="module", params=VERSIONS, ids=lambda param: "-".join(param))
def bench(request: pytest.FixtureRequest) -> Bench:
    return Bench(*request.param, typed=True)


def test_every_row_rule_notices_the_row_that_breaks_it(bench: Bench) -> None:
    bench.start_with_valid_rows()
    assert bench.judge() == {}
    without = []
    for number, rule in enumerate(bench.value_rules):
        try:
            where, changes = bench.mutation(rule["id"])
        except KeyError:
            without.append(rule["id"])
            continue
        bench.add_mutant(number, where, changes)
    assert without == [], "rules that no mutation breaks"
    every = {rule["id"] for rule in bench.value_rules}
    assert every - bench.rules_that_see_their_mutant() == set()
    assert every - bench.judge().keys() == set()


def test_every_group_rule_notices_the_key_that_breaks_it(bench: Bench) -> None:
    bench.start_with_valid_rows()
    keys = {columns[0] for columns in bench.group_rules.values()}
    for number, (rule_id, columns) in enumerate(bench.group_rules.items()):
        assert rule_id in bench.rule_ids
        # two rows that share this key and no other
        pair = {**dict.fromkeys(keys - set(columns), "null"), columns[0]: f"'mutant {number}'"}
        where = f"{columns[-1]} is not null"
        bench.add_mutant(number, where, pair)
        if len(columns) > 1:
            other = "timestamp '2026-01-02'" if "Period" in columns[1] else "'other'"
            pair = {**pair, columns[1]: other}
        bench.add_mutant(number, where, pair)
    found = bench.judge()
    # one key each: its own mutant
    assert {rule_id: found.get(rule_id) for rule_id in bench.group_rules} == dict.fromkeys(
        bench.group_rules, 1
    )


def test_every_structure_rule_notices_the_column_that_breaks_it(bench: Bench) -> None:
    bench.start_with_valid_rows()
    execute = bench.connection.execute
    execute("create or replace table kept as from _catalog")
    try:
        execute("delete from _catalog")
        missing = {f"{bench.dataset}.{name}.presence" for name in bench.columns}
        assert bench.judge().keys() == missing
        execute("insert into _catalog select * replace ('BOOLEAN' as data_type) from kept")
        execute("update _catalog set ordinal_position = 900 where ordinal_position = 1")
        execute("insert into _catalog values ('lineItem', 901, 'VARCHAR')")
        execute("insert into _catalog values ('x_lower', 902, 'VARCHAR')")
        wrong = {f"{bench.dataset}.{name}.type" for name in bench.columns}
        names = {f"{bench.dataset}.columns.{rule}" for rule in ("unknown", "custom_name", "order")}
        assert bench.judge().keys() == wrong | names
        assert missing | wrong | names | set(bench.group_rules) | {
            rule["id"] for rule in bench.value_rules
        } == set(bench.rule_ids)
    finally:
        execute("delete from _catalog")
        execute("insert into _catalog from kept")


@pytest.mark.parametrize(("dataset", "version"), VERSIONS)
def test_every_rule_on_text_notices_the_value_that_breaks_it(dataset: str, version: str) -> None:
    bench = Bench(dataset, version, typed=False)
    bench.start_with_valid_rows()
    assert bench.judge() == {}
    wrong = {
        ("Decimal", "type"): "1,5",
        ("Date/Time", "type"): "2026-02-30T00:00:00Z",
        ("Date/Time", "format"): "2026-01-05 10:00:00",
    }
    mutated = set()
    for number, rule in enumerate(bench.value_rules):
        _, name, promise = rule["id"].split(".")
        value = wrong.get((bench.columns[name]["type"], promise))
        if value is not None:
            bench.add_mutant(number, "_row = -1", {name: f"'{value}'"})
            mutated.add(rule["id"])
    assert mutated - bench.rules_that_see_their_mutant() == set()
    assert mutated - bench.judge().keys() == set()
