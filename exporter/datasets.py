"""The datasets: one entry each in DATASETS, which every other list of them is made from."""

from __future__ import annotations

from dataclasses import dataclass, field

_COSTS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost")

# The flat layout of an earlier system: its keys in its order, with their columns in ai_calls_flat.
# `sub_account_id` and `booking_key` are no part of it: they select and order its rows.
AI_CALLS = {
    "BillingAccountId": "billing_account_id",
    "BillingPeriodStart": "billing_period_start",
    "BillingPeriodEnd": "billing_period_last_second",
    "ChargePeriodStart": "charge_period_start",
    "ChargePeriodEnd": "charge_period_end",
    "ProviderName": "provider_as_sent",
    "ServiceName": "model_as_sent",
    "SubAccountName": "sub_account_name",
    "ResourceId": "call_id",
    "BilledCost": "billed_cost",
    "BilledCurrency": "billing_currency",
    "UsageQuantity": "total_tokens",
    "UsageUnit": "usage_unit",
    "x-cog-InputTokenCount": "input_tokens",
    "x-cog-OutputTokenCount": "output_tokens",
    "x-cog-CacheHit": "is_cache_hit",
    "x-cog-LatencyMs": "latency_ms",
    "Tags/x-cost-feature": "feature",
    "Tags/x-cost-department": "department",
    "Tags/x-cost-user": "user_id",
    "Tags/x-cost-session": "session_id",
    "Tags/x-cog-classification": "classification",
    "sub_account_id": "sub_account_id",
    "booking_key": "booking_key",
}

# CloudZero's Common Bill Format: its columns with what they are in cloudzero_cbf. The others tell
# the rows' month and currency; each tag becomes a column in a receiver's file.
CLOUDZERO_CBF = {
    "lineitem/id": "line_item_id",
    "lineitem/type": "line_item_type",
    "lineitem/description": "line_item_description",
    "lineitem/cloud_provider": "cloud_provider",
    "time/usage_start": "usage_start",
    "resource/id": "resource_id",
    "resource/service": "service",
    "resource/account": "account",
    "resource/region": "region",
    "resource/usage_family": "usage_family",
    "action/usage_type": "usage_type",
    "usage/amount": "usage_amount",
    "usage/units": "usage_units",
    "cost/cost": "cost",
    "cost/discounted_cost": "discounted_cost",
    "cost/amortized_cost": "amortized_cost",
    "cost/discounted_amortized_cost": "discounted_amortized_cost",
    "cost/on_demand_cost": "on_demand_cost",
    "bill/invoice_id": "invoice_id",
    "BillingPeriodStart": "billing_period_start",
    "BillingPeriodEnd": "billing_period_end",
    "BillingCurrency": "billing_currency",
    "Tags": "tags_json",
}


# a sum beside those of a dataset's costs
ALLOCATED_COST = "AllocatedCost"


@dataclass(frozen=True)
class Dataset:
    """What can be extracted: where its rows lie and how they are ordered, dated and summed.

    `order` is a total order whose last column alone is unique. A row belongs to a date range when
    `start` lies in it or, where `end` is given, when its half-open period overlaps it; to a booked
    month when `billing_period` is its start or, where that is None, when its period overlaps it.
    """

    name: str
    focus_id: str | None
    versions: tuple[str, ...]
    # grain -> relation without its version; also the file's name
    relations: dict[str, str]
    order: tuple[str, ...]
    start: str
    end: str | None = None
    billing_period: str | None = "BillingPeriodStart"
    # grain -> DatasetInstanceName of the FOCUS metadata
    instances: dict[str, str] = field(default_factory=dict)
    costs: tuple[str, ...] = ()
    currency: str | None = None
    # the flat layout is no FOCUS dataset: one relation for all versions, a name -> its column
    layout: dict[str, str] | None = None
    hidden: tuple[str, ...] = ()
    # whether totals tell how much of the effective cost has a department
    allocates: bool = False
    # raw tables whose rejected rows concern this dataset; empty: those of no other dataset
    raw_tables: tuple[str, ...] = ()
    holds_usage: bool = True
    # who takes its files: the flat layout claims FOCUS 1.1, as it always did, and isn't conformant
    intended_for: str = "FOCUS tools"
    # whoever reads it in slices copies it first: its view would join everything for each of them
    is_staged: bool = False

    def file_stem(self, grain: str) -> str:
        """Name the dataset's file, without an extension."""
        return self.relations[grain] if self.layout is None else self.name.replace("-", "_")

    def escapes_formulas(self, fmt: str, wanted: bool | None) -> bool:
        """Tell whether text is kept from being run as a formula; None: as the dataset has it.

        The flat layout is for spreadsheets, the FOCUS datasets for programs.
        """
        return fmt == "csv" and (self.focus_id is None if wanted is None else wanted)

    def relation(self, grain: str, version: str) -> str:
        """Name the relation that holds the rows."""
        if self.layout is not None:
            return self.relations[grain]
        return f"{self.relations[grain]}_v{version.replace('.', '_')}"


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            name="cost-and-usage",
            focus_id="CostAndUsage",
            versions=("1.4", "1.3", "1.2", "1.1", "1.0"),
            relations={
                "call": "focus_cost_and_usage",
                "day": "focus_cost_and_usage_daily",
                "month": "focus_cost_and_usage_monthly",
            },
            order=("ChargePeriodStart", "x_ChargeId"),
            start="ChargePeriodStart",
            instances={
                "call": "Cost and Usage by Call",
                "day": "Cost and Usage Daily",
                "month": "Cost and Usage Monthly",
            },
            costs=_COSTS,
            allocates=True,
            currency="BillingCurrency",
        ),
        Dataset(
            name="contract-commitment",
            focus_id="ContractCommitment",
            versions=("1.4", "1.3"),
            relations={"call": "focus_contract_commitment"},
            order=("ContractCommitmentId",),
            start="ContractCommitmentPeriodStart",
            end="ContractCommitmentPeriodEnd",
            billing_period=None,
            instances={"call": "Contract Commitment"},
            costs=("ContractCommitmentCost",),
            currency="BillingCurrency",
            raw_tables=("contracts", "commitments"),
            holds_usage=False,
        ),
        Dataset(
            name="ai-calls",
            focus_id=None,
            versions=("1.1",),
            relations={"call": "ai_calls_flat"},
            order=("ChargePeriodStart", "booking_key"),
            start="ChargePeriodStart",
            costs=("BilledCost",),
            currency="BilledCurrency",
            layout=AI_CALLS,
            hidden=("sub_account_id", "booking_key"),
            intended_for="people and older scripts",
            is_staged=True,
        ),
    )
}

# what goes to a receiver alone (extract/receivers.yml), and is no extract by itself
RECEIVER_DATASETS = {
    "cloudzero-cbf": Dataset(
        name="cloudzero-cbf",
        focus_id=None,
        versions=("1.4",),
        relations={"day": "cloudzero_cbf"},
        order=("time/usage_start", "lineitem/id"),
        start="time/usage_start",
        costs=("cost/cost", "cost/amortized_cost"),
        currency="BillingCurrency",
        layout=CLOUDZERO_CBF,
        hidden=("BillingPeriodStart", "BillingPeriodEnd", "BillingCurrency", "Tags"),
    )
}

# those of the specification, with its names for them
FOCUS_IDS = {name: entry.focus_id for name, entry in DATASETS.items() if entry.focus_id}
