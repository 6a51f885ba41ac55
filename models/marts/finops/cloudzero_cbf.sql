-- sqlfluff:rules:capitalisation.identifiers:ignore_words_regex:^(x_)?[A-Z][A-Za-z]+$
with charges as (

    select * from {{ ref('focus_cost_and_usage_daily', v='1.4') }}

),

named as (

    select
        *,
        coalesce(x_ModelId, SkuId, ServiceName) as resource_name
    from charges

)

select
    x_ChargeId as line_item_id,
    case
        when ChargeClass = 'Correction' then 'Adjustment'
        when ChargeCategory = 'Usage' and CommitmentDiscountStatus = 'Unused' then 'CommittedUseVacancy'
        when ChargeCategory <> 'Purchase' then ChargeCategory
        when CommitmentDiscountId is null then 'Purchase'
        when ChargeFrequency = 'Recurring' then 'CommittedUseRecurringFee'
        else 'CommittedUsePurchase'
    end as line_item_type,
    ChargeDescription as line_item_description,
    ServiceProviderName as cloud_provider,
    -- a month holds what is booked in it: a correction of an earlier month counts from its beginning
    case when ChargePeriodStart < BillingPeriodStart then BillingPeriodStart else ChargePeriodStart end as usage_start,
    -- CloudZero keeps one value of a tag per resource, for all times, and reads nothing behind a second slash
    -- or colon: what has other tags or another account is another resource
    'model/' || replace(replace(resource_name, '/', '-'), ':', '-') || '-' || substr(
        {{ hash_of(['BillingAccountId', 'SubAccountId', 'ServiceProviderName', 'resource_name', 'Tags']) }}, 1, 16
    ) as resource_id,
    ServiceName as service,
    coalesce(SubAccountId, BillingAccountId) as account,
    RegionId as region,
    resource_name as usage_family,
    SkuMeter as usage_type,
    ConsumedQuantity as usage_amount,
    ConsumedUnit as usage_units,
    BilledCost as cost,
    BilledCost as discounted_cost,
    EffectiveCost as amortized_cost,
    EffectiveCost as discounted_amortized_cost,
    ListCost as on_demand_cost,
    InvoiceId as invoice_id,
    BillingPeriodStart as billing_period_start,
    BillingPeriodEnd as billing_period_end,
    BillingCurrency as billing_currency,
    Tags as tags_json
from named
