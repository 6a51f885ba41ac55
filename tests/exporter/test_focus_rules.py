"""Every FOCUS rule passes on valid rows and fails on a row that breaks it.

For each dataset version a small valid table is made from the reference. Each rule then gets exactly
one mutation; a rule without one, or with one that it does not notice, fails the suite.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from exporter import rules

VERSIONS = [
    (dataset, version) for dataset in rules.DATASETS.values() for version in rules.versions(dataset)
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

# Relation rules that no general recipe breaks: the row and what is set in it.
RELATIONS = {
    "CostAndUsage.ChargePeriodStart.in_billing_period": (
        "usage", "ChargePeriodStart = BillingPeriodEnd, ChargePeriodEnd = '2026-03-01'"),
    "CostAndUsage.ChargeFrequency.not_usage_based_purchase": (
        "purchase", "ChargeFrequency = 'Usage-Based'"),
    "CostAndUsage.EffectiveCost.commitment_purchase": ("purchase", "EffectiveCost = 1"),
    "CostAndUsage.EffectiveCost.uncovered": ("usage", "EffectiveCost = 1.4"),
    "CostAndUsage.ListCost.credit": ("credit", "ListCost = -4"),
    "CostAndUsage.ContractedCost.credit": ("credit", "ContractedCost = -4"),
    "CostAndUsage.BilledCost.credit_sign": ("credit", "BilledCost = 5"),
    "CostAndUsage.CommitmentDiscountStatus.usage_only": (
        "purchase", "CommitmentDiscountStatus = 'Used'"),
    "CostAndUsage.PricingCategory.committed": ("used", "PricingCategory = 'Standard'"),
    "CostAndUsage.PricingCategory.commitment_purchase": (
        "purchase", "PricingCategory = 'Committed'"),
    "CostAndUsage.ResourceId.unused_commitment": ("unused", "ResourceId = 'call-9'"),
    "CostAndUsage.SkuMeter.with_sku": ("usage", "SkuMeter = null"),
    "CostAndUsage.InvoiceDetailId.with_invoice": ("rich", "InvoiceId = null"),
    "CostAndUsage.ServiceSubcategory.within_category": (
        "usage", "ServiceSubcategory = 'Containers'"),
    "ContractCommitment.ContractCommitmentPeriodStart.in_contract": (
        "spend", "ContractCommitmentPeriodStart = '2025-12-31'"),
    "ContractCommitment.ContractCommitmentPeriodEnd.in_contract": (
        "spend", "ContractCommitmentPeriodEnd = '2027-01-02'"),
    "ContractCommitment.ContractCommitmentDiscountPercentage.share": (
        "spend", "ContractCommitmentDiscountPercentage = 10"),
    "ContractCommitment.ContractCommitmentPaymentUpfrontPercentage.share": (
        "spend", "ContractCommitmentPaymentUpfrontPercentage = -0.1"),
    "ContractCommitment.ContractCommitmentPaymentUpfrontPercentage.payment_model": (
        "spend", "ContractCommitmentPaymentUpfrontPercentage = 0.5"),
    "ContractCommitment.ContractCommitmentLastUpdated.after_created": (
        "spend", "ContractCommitmentLastUpdated = '2025-11-30'"),
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
    """A table `data`, the valid rows in `valid`, and the prepared check of one dataset version."""

    def __init__(self, dataset: str, version: str, typed: bool) -> None:
        self.dataset, self.version = dataset, version
        self.columns = {c["name"]: c for c in rules.focus_columns(dataset, version)}
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("set threads = 1")
        items = ", ".join(
            f"{name} {sql_type(column) if typed else 'varchar'}"
            for name, column in self.columns.items()
        )
        for table in ("valid", "data"):
            self.connection.execute(f"create table {table} (_row bigint, _name varchar, {items})")
        for number, (name, row) in enumerate(base_rows(dataset, version).items(), start=1):
            self.connection.execute(
                f"insert into valid values ({', '.join(['?'] * (len(self.columns) + 2))})",
                [number, name, *(row.get(column) for column in self.columns)],
            )
        described = self.connection.execute("describe data").fetchall()
        self.catalog = [(row[0], row[1]) for row in described if not row[0].startswith("_")]
        sql, self.rule_ids = rules.prepare_check(
            self.connection, "data", self.catalog, dataset, version, typed
        )
        self.connection.execute("create table catalog_kept as from _catalog")
        self.connection.execute(f"prepare judge as {sql}")

    def broken(self, *statements: str) -> set[str]:
        """Ids of the rules that fail on the valid rows after these statements."""
        self.connection.execute("delete from data")
        self.connection.execute("insert into data from valid")
        structural = False
        for statement in statements:
            structural |= "_catalog" in statement
            result = self.connection.execute(statement)
            if statement.startswith("update"):
                assert result.fetchone() != (0,), f"no row to break: {statement}"
        found = self.connection.execute("execute judge").fetchall()
        if structural:
            self.connection.execute("delete from _catalog")
            self.connection.execute("insert into _catalog from catalog_kept")
        return {row[0] for row in found}

    def mutation(self, rule_id: str) -> str:
        """The one statement that breaks a rule; KeyError where there is none."""
        if rule_id in RELATIONS:
            row, change = RELATIONS[rule_id]
            return f"update data set {change} where _name = '{row}'"
        _, name, promise = rule_id.split(".")
        if name == "columns":
            return {
                "unknown": "insert into _catalog values ('lineItem', 900, 'VARCHAR')",
                "custom_name": "insert into _catalog values ('x_lower', 900, 'VARCHAR')",
                "order": "update _catalog set ordinal_position = 900 where ordinal_position = 1",
            }[promise]
        column = self.columns[name]
        recipes = {
            "presence": f"delete from _catalog where column_name = '{name}'",
            "type": f"update _catalog set data_type = 'BOOLEAN' where column_name = '{name}'",
            "not_null": f"update data set {name} = null where _row = 1",
            "not_blank": f"update data set {name} = '' where _row = 1",
            "null_when": f"update data set {name} = {self.sample(column)} "
            f"where {name} is null and ({column.get('null_when')})",
            "not_null_when": f"update data set {name} = null "
            f"where {name} is not null and ({column.get('not_null_when')})",
            "allowed": f"update data set {name} = 'Nonsense' where _row = 1",
            "non_negative": f"update data set {name} = -1 where _row = 1",
            "after_start": f"update data set {name} = {name.replace('End', 'Start')} "
            "where _row = 1",
            # one unit in the eighteenth decimal
            "product": f"update data set {name} = {name} + 0.000000000000000001 where _row = 1",
            "same_currency": f"update data set {name} = {name} + 1 where _row = 1",
            "unique": "insert into data select * from data where _row = 1",
        }
        if promise == "format" and column.get("format") in WRONG_FORMATS:
            return f"update data set {name} = '{WRONG_FORMATS[column['format']]}' where _row = 1"
        if promise.startswith("one_"):
            other = {rule["id"]: rule["columns"][1] for rule in self.relation_rules()}[rule_id]
            value = "timestamp '2026-01-02'" if other.startswith("ContractPeriod") else "'other'"
            having = f"select max(_row) from data where {name} is not null and {other} is not null"
            having += f" and {name} in (select {name} from data group by 1 having count(*) > 1)"
            return f"update data set {other} = {value} where _row = ({having})"
        return recipes[promise]

    def relation_rules(self) -> list[dict[str, Any]]:
        """Rules of groups of this version."""
        found = rules.reference(self.dataset, self.version)["rules"]
        return [rule for rule in found if rule["kind"] == "group"]

    def sample(self, column: dict[str, Any]) -> str:
        """Some value of the column's type."""
        if column["type"] == "Decimal":
            return "1"
        if column.get("allowed"):
            return f"'{column['allowed'][0]}'"
        return "'{}'" if column["type"] == "JSON" else "'Tokens'"


@pytest.mark.parametrize(("dataset", "version"), VERSIONS)
def test_every_rule_notices_the_row_that_breaks_it(dataset: str, version: str) -> None:
    bench = Bench(dataset, version, typed=True)
    assert bench.broken() == set()
    unnoticed, without = [], []
    for rule_id in bench.rule_ids:
        try:
            statement = bench.mutation(rule_id)
        except KeyError:
            without.append(rule_id)
            continue
        if rule_id not in bench.broken(statement):
            unnoticed.append(rule_id)
    assert (without, unnoticed) == ([], [])


@pytest.mark.parametrize(("dataset", "version"), VERSIONS)
def test_every_rule_on_text_notices_the_value_that_breaks_it(dataset: str, version: str) -> None:
    bench = Bench(dataset, version, typed=False)
    # a CSV keeps each rule too
    assert bench.broken() == set()
    unnoticed = []
    for name, column in bench.columns.items():
        if column["type"] == "Decimal":
            wrong = {"type": "1,5"}
        elif column["type"] == "Date/Time":
            wrong = {"type": "2026-02-30T00:00:00Z", "format": "2026-01-05 10:00:00"}
        else:
            continue
        for promise, value in wrong.items():
            rule_id = f"{dataset}.{name}.{promise}"
            assert rule_id in bench.rule_ids
            if rule_id not in bench.broken(f"update data set {name} = '{value}' where _row = 1"):
                unnoticed.append(rule_id)
    assert unnoticed == []
