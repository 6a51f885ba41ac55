"""The table of datasets that the API offers: routes, tools and their parameters are made from it.

A dataset that the project gains needs an entry in exporter.datasets.DATASETS and one here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from exporter.extract.pages import TIMES, Dimension

DEFAULT_VERSION = "1.3"
# before the key of a tag that rows are summed by
TAG = "tag:"


@dataclass(frozen=True)
class Parameter:
    """A filter: rows fit where any of the columns has the value.

    `later` gives the columns from a FOCUS version on. `operator` is `=`, `>=` or `<`; a comparison
    takes a moment (RFC 3339), a parameter that `is_month` a month such as 2026-10. `call` is the
    column of ai_call_coverage by which coverage is counted too. A parameter that is not `public` is
    no part of the capability: only the routes of the page for people have it. Where `groups` is
    true, rows can be summed by its first column; `label` is the column with the names of its
    values. Where `names_provider` is true, a value may also be the canonical key of a provider.
    """

    name: str
    columns: tuple[str, ...]
    description: str
    example: str
    later: dict[str, tuple[str, ...]] = field(default_factory=dict)
    operator: str = "="
    call: str | None = None
    public: bool = True
    groups: bool = False
    label: str | None = None
    names_provider: bool = False
    is_month: bool = False

    @property
    def is_moment(self) -> bool:
        """Tell whether the values are moments, not text."""
        return self.operator != "="

    def columns_of(self, version: str) -> tuple[str, ...]:
        """Name the columns in a FOCUS version."""
        chosen = self.columns
        for since, columns in sorted(self.later.items()):
            if version >= since:
                chosen = columns
        return chosen


@dataclass(frozen=True)
class ApiDataset:
    """A dataset as the API offers it. `path` and `tool` are its list's route and MCP tool.

    `billing_account` and `sub_account` are the columns that scopes go by; without one, a token
    whose scope names such accounts sees no row of the dataset.
    """

    name: str
    path: str | None
    tool: str | None
    summary: str
    default_version: str
    parameters: tuple[Parameter, ...] = ()
    billing_account: str | None = None
    sub_account: str | None = None
    # the column whose keys rows can be summed by: TAG and a key is a dimension too
    tags: str | None = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Name what rows can be summed by beside tags: times, and parameters."""
        return (*TIMES, *(parameter.name for parameter in self.parameters if parameter.groups))

    def dimension(self, name: str, version: str) -> Dimension:
        """Give one of the dimensions in a FOCUS version."""
        if name in TIMES:
            return Dimension(name, unit=name)
        if name.startswith(TAG):
            return Dimension(name, self.tags, key=name.removeprefix(TAG))
        [parameter] = [parameter for parameter in self.parameters if parameter.name == name]
        unit = "month" if parameter.is_month else None
        return Dimension(name, parameter.columns_of(version)[0], parameter.label, unit=unit)


_BILLING_PERIOD = Parameter(
    "billingPeriod",
    ("BillingPeriodStart",),
    "Month in which the rows are booked, whenever their usage was: what became known of a closed "
    "month is booked in a later one.",
    "2026-10",
    call="usage_month",
    groups=True,
    is_month=True,
)
_COST_AND_USAGE = (
    _BILLING_PERIOD,
    Parameter(
        "billingPeriodStart",
        ("BillingPeriodStart",),
        "First moment of the billing periods wanted, inclusive: rows whose billing period starts "
        "then or later. RFC 3339; a date alone is its first moment in UTC.",
        "2026-10-01T00:00:00Z",
        operator=">=",
        call="usage_month",
    ),
    Parameter(
        "billingPeriodEnd",
        ("BillingPeriodStart",),
        "End of the billing periods wanted, exclusive: rows whose billing period starts before. "
        "RFC 3339; a date alone is its first moment in UTC.",
        "2026-11-01T00:00:00Z",
        operator="<",
        call="usage_month",
    ),
    Parameter(
        "chargePeriodStart",
        ("ChargePeriodStart",),
        "First moment wanted, inclusive: rows whose charge period starts then or later. RFC 3339; "
        "a date alone is its first moment in UTC.",
        "2026-10-01T00:00:00Z",
        operator=">=",
        call="charge_period_start",
        public=False,
    ),
    Parameter(
        "chargePeriodEnd",
        ("ChargePeriodStart",),
        "End of the time wanted, exclusive: rows whose charge period starts before. RFC 3339; a "
        "date alone is its first moment in UTC.",
        "2026-11-01T00:00:00Z",
        operator="<",
        call="charge_period_start",
        public=False,
    ),
    Parameter(
        "chargeCategory",
        ("ChargeCategory",),
        "ChargeCategory of the rows.",
        "Usage",
        groups=True,
    ),
    Parameter(
        "providerName",
        ("ProviderName",),
        "ProviderName of the rows, in any case, or the provider's canonical key (openai, "
        "aws_bedrock); from FOCUS 1.4 on ServiceProviderName.",
        "OpenAI",
        later={"1.4": ("ServiceProviderName",)},
        call="service_provider_name",
        groups=True,
        names_provider=True,
    ),
    Parameter(
        "serviceName", ("ServiceName",), "ServiceName of the rows.", "OpenAI API", groups=True
    ),
    Parameter(
        "serviceCategory",
        ("ServiceCategory",),
        "ServiceCategory of the rows.",
        "AI and Machine Learning",
        groups=True,
    ),
    Parameter(
        "region",
        ("RegionId", "RegionName"),
        "RegionId or RegionName.",
        "us-east-1",
        groups=True,
        label="RegionName",
    ),
    Parameter("resourceId", ("ResourceId",), "ResourceId of the rows: the call.", "req_0588a82e61"),
    Parameter(
        "subAccountId",
        ("SubAccountId",),
        "SubAccountId of the rows: the department.",
        "Marketing",
        call="sub_account_id",
        groups=True,
        label="SubAccountName",
    ),
    Parameter("billingCurrency", ("BillingCurrency",), "BillingCurrency of the rows.", "USD"),
    Parameter(
        "modelId", ("x_ModelId",), "x_ModelId of the rows.", "gpt-5", public=False, groups=True
    ),
)

API_DATASETS = {
    dataset.name: dataset
    for dataset in (
        ApiDataset(
            name="cost-and-usage",
            path="cost-and-usage",
            tool="listcostandusage",
            summary="FOCUS Cost and Usage: one row per charge.",
            default_version=DEFAULT_VERSION,
            parameters=_COST_AND_USAGE,
            billing_account="BillingAccountId",
            sub_account="SubAccountId",
            tags="Tags",
        ),
        ApiDataset(
            name="contract-commitment",
            path="contract-commitments",
            tool="listcontractcommitments",
            summary="FOCUS Contract Commitment: one row per commitment.",
            default_version=DEFAULT_VERSION,
            parameters=(
                Parameter(
                    "commitmentDiscountId",
                    ("ContractCommitmentId",),
                    "ContractCommitmentId of the rows.",
                    "cm_openai_2026",
                ),
                Parameter(
                    "billingAccountId",
                    ("x_BillingAccountId",),
                    "x_BillingAccountId of the rows; the dataset has no BillingAccountId.",
                    "acme",
                ),
            ),
            billing_account="x_BillingAccountId",
        ),
        # the flat layout is extracted as a file, not listed
        ApiDataset(
            name="ai-calls",
            path=None,
            tool=None,
            summary="The flat layout: one row per call and month in which it is booked.",
            default_version="1.1",
            parameters=(_BILLING_PERIOD,),
            billing_account="BillingAccountId",
            sub_account="sub_account_id",
        ),
    )
}
