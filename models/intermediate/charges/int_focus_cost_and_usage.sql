{#- Charges as FOCUS Cost and Usage: every column of every version. A charge keeps ids, quantities and amounts;
    what its price, provider, region and commitment are called is joined here. -#}
{%- set text = text_type() -%}
{%- set resource_id, resource_type = {
    'call': ('charges.call_id', 'AI Model Call'),
    'deployment': ('charges.deployment', 'AI Model Deployment'),
}.get(var('resource_id'), (null_text(), '')) %}
-- sqlfluff:rules:capitalisation.identifiers:ignore_words_regex:^(x_)?[A-Z][A-Za-z]+$

with charges as (

    select * from {{ ref('int_charges_by_grain') }}

),

sku_prices as (

    select * from {{ ref('int_sku_prices') }}

),

providers as (

    select * from {{ ref('stg_pricing__providers') }}

),

regions as (

    select * from {{ ref('ai_regions') }}

),

commitments as (

    select * from {{ ref('stg_contracts__commitments') }}

)

select
    charges.grain,
    {{ null_text() }} as AllocatedMethodDetails,
    {{ null_text() }} as AllocatedMethodId,
    {{ null_text() }} as AllocatedResourceId,
    {{ null_text() }} as AllocatedResourceName,
    {{ null_text() }} as AllocatedTags,
    {{ null_text() }} as AvailabilityZone,
    charges.billed_cost as BilledCost,
    charges.billing_account_id as BillingAccountId,
    charges.billing_account_name as BillingAccountName,
    cast('Customer' as {{ text }}) as BillingAccountType,
    charges.billing_currency as BillingCurrency,
    {{ billing_period_end('charges.billing_period_start') }} as BillingPeriodEnd,
    charges.billing_period_start as BillingPeriodStart,
    {{ null_text() }} as CapacityReservationId,
    {{ null_text() }} as CapacityReservationStatus,
    charges.charge_category as ChargeCategory,
    charges.charge_class as ChargeClass,
    cast(coalesce(charges.charge_description, sku_prices.charge_description) as {{ text }}) as ChargeDescription,
    charges.charge_frequency as ChargeFrequency,
    charges.charge_period_end as ChargePeriodEnd,
    charges.charge_period_start as ChargePeriodStart,
    cast(commitments.contract_commitment_category as {{ text }}) as CommitmentDiscountCategory,
    charges.commitment_id as CommitmentDiscountId,
    cast(commitments.commitment_name as {{ text }}) as CommitmentDiscountName,
    charges.commitment_quantity as CommitmentDiscountQuantity,
    charges.commitment_status as CommitmentDiscountStatus,
    cast(commitments.contract_commitment_type as {{ text }}) as CommitmentDiscountType,
    cast(
        case
            -- a promise of spend is counted in its currency
            when charges.commitment_quantity is not null
                then coalesce(commitments.contract_commitment_unit, commitments.billing_currency)
        end as {{ text }}
    ) as CommitmentDiscountUnit,
    {{ null_text() }} as CommitmentProgramEligibilityDetails,
    charges.consumed_quantity as ConsumedQuantity,
    cast(case when charges.consumed_quantity is not null then sku_prices.consumed_unit end as {{ text }})
        as ConsumedUnit,
    {{ null_text() }} as ContractApplied,
    charges.contracted_cost as ContractedCost,
    charges.contracted_unit_price as ContractedUnitPrice,
    charges.effective_cost as EffectiveCost,
    cast(coalesce(sku_prices.host_provider_name, providers.host_provider_name) as {{ text }}) as HostProviderName,
    charges.invoice_detail_id as InvoiceDetailId,
    charges.invoice_id as InvoiceId,
    cast(coalesce(sku_prices.invoice_issuer_name, providers.invoice_issuer_name) as {{ text }}) as InvoiceIssuerName,
    charges.list_cost as ListCost,
    charges.list_unit_price as ListUnitPrice,
    charges.pricing_category as PricingCategory,
    -- where prices are in the billing currency, the pricing currency repeats it
    cast(coalesce(charges.pricing_currency, charges.billing_currency) as {{ text }}) as PricingCurrency,
    {%- for column, name, type in [
        ('PricingCurrencyContractedUnitPrice', 'contracted_unit_price', price_type()),
        ('PricingCurrencyEffectiveCost', 'effective_cost', cost_type()),
        ('PricingCurrencyListUnitPrice', 'list_unit_price', price_type()),
    ] %}
    cast(
        case
            when charges.pricing_currency is null then charges.{{ name }}
            else charges.pricing_currency_{{ name }}
        end as {{ type }}
    ) as {{ column }},
    {%- endfor %}
    charges.pricing_quantity as PricingQuantity,
    cast(
        case when charges.pricing_quantity is not null then coalesce(charges.pricing_unit, sku_prices.pricing_unit) end
        as {{ text }}
    ) as PricingUnit,
    cast(coalesce(sku_prices.service_provider_name, providers.service_provider_name) as {{ text }}) as ProviderName,
    -- what no model is sold by is the seller's own; of a model in own prices alone nobody says who developed it
    cast(
        coalesce(
            sku_prices.model_developer, sku_prices.service_provider_name, providers.service_provider_name
        ) as {{ text }}
    ) as PublisherName,
    charges.region_id as RegionId,
    cast(
        case when charges.region_id is not null then coalesce(regions.region_name, charges.region_id) end as {{ text }}
    ) as RegionName,
    cast({{ resource_id }} as {{ text }}) as ResourceId,
    {{ null_text() }} as ResourceName,
    cast(case when {{ resource_id }} is not null then '{{ resource_type }}' end as {{ text }}) as ResourceType,
    cast('AI and Machine Learning' as {{ text }}) as ServiceCategory,
    cast(coalesce(sku_prices.service_name, providers.service_name) as {{ text }}) as ServiceName,
    cast(coalesce(sku_prices.service_provider_name, providers.service_provider_name) as {{ text }})
        as ServiceProviderName,
    cast('Generative AI' as {{ text }}) as ServiceSubcategory,
    cast(coalesce(charges.sku_id, sku_prices.sku_id) as {{ text }}) as SkuId,
    cast(sku_prices.sku_meter as {{ text }}) as SkuMeter,
    cast(sku_prices.sku_price_details_json as {{ text }}) as SkuPriceDetails,
    cast(coalesce(charges.sku_price_id, sku_prices.sku_price_id) as {{ text }}) as SkuPriceId,
    charges.sub_account_id as SubAccountId,
    charges.sub_account_name as SubAccountName,
    cast(case when charges.sub_account_id is not null then 'Department' end as {{ text }}) as SubAccountType,
    charges.tags_json as Tags,
    charges.allocation_rule as x_AllocationRule,
    charges.call_id as x_CallId,
    charges.charge_id as x_ChargeId,
    charges.contract_price_id as x_ContractPriceId,
    charges.cost_basis as x_CostBasis,
    charges.ended_at as x_EndedAt,
    cast(coalesce(sku_prices.invoice_issuer_legal_name, providers.invoice_issuer_legal_name) as {{ text }})
        as x_InvoiceIssuerLegalName,
    cast(sku_prices.model as {{ text }}) as x_ModelId,
    cast(sku_prices.price_date_basis as {{ text }}) as x_PriceDateBasis,
    cast(sku_prices.price_id as {{ text }}) as x_PriceId,
    charges.price_rule as x_PriceRule,
    charges.model_as_sent as x_ServedModel,
    charges.source_name as x_SourceName,
    charges.started_at as x_StartedAt
from charges
left join sku_prices
    on charges.meter_price_id = sku_prices.meter_price_id
left join providers
    on charges.provider = providers.provider
left join regions
    on charges.region_id = regions.region_id
left join commitments
    on
        charges.commitment_id = commitments.contract_commitment_id
        -- an id is unique within its provider
        and coalesce(sku_prices.service_provider_name, providers.service_provider_name)
        = commitments.service_provider_name
