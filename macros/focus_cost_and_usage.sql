{#- The id of a charge: its call and meter, and what sets it apart from their other charges. -#}
{% macro call_charge_id(charges) -%}
{{ charges }}.call_key || ':' || {{ charges }}.meter
    || case
        when {{ charges }}.slice_above > 0
            then ':above-' || cast({{ charges }}.slice_above as {{ text_type() }})
        else ''
    end
    || case
        when {{ charges }}.correction_kind is not null
            then ':' || {{ charges }}.correction_kind || '-' || {{ year_and_month(charges ~ '.billing_period_start') }}
        else ''
    end
{%- endmacro %}

{#- A correction of the price alone has costs, but no quantity and no unit price, and so no SKU price. -#}
{% macro unless_price_alone(expression) -%}
case
        when charges.charge_class = 'Correction' and charges.list_unit_price is null then null
        else {{ expression }}
    end
{%- endmacro %}

{#- Charges as FOCUS Cost and Usage: every column of every version, names from the dimensions. The
    call grain and the daily grain differ in their rows only. -#}
{% macro focus_cost_and_usage(charges, has_resources) -%}

{%- set text = text_type() -%}
{%- set resource_id = {'call': 'charges.call_id', 'deployment': 'charges.deployment'}.get(var('resource_id'))
    if has_resources else none -%}
{%- set resource_type = {'call': 'AI Model Call', 'deployment': 'AI Model Deployment'}.get(var('resource_id')) -%}

with charges as (

    select * from {{ charges }}

),

sku_prices as (

    select * from {{ ref('int_sku_prices') }}

),

regions as (

    select * from {{ ref('regions') }}

)

select
    {%- for column in [
        'AllocatedMethodDetails', 'AllocatedMethodId', 'AllocatedResourceId', 'AllocatedResourceName',
        'AllocatedTags', 'AvailabilityZone',
    ] %}
    {{ null_text() }} as {{ column }},
    {%- endfor %}
    cast(charges.billed_cost as {{ cost_type() }}) as BilledCost,
    cast(charges.billing_account_id as {{ text }}) as BillingAccountId,
    cast(charges.billing_account_name as {{ text }}) as BillingAccountName,
    cast('Customer' as {{ text }}) as BillingAccountType,
    cast(charges.billing_currency as {{ text }}) as BillingCurrency,
    {{ billing_period_end('charges.billing_period_start') }} as BillingPeriodEnd,
    cast(charges.billing_period_start as {{ timestamp_type() }}) as BillingPeriodStart,
    {{ null_text() }} as CapacityReservationId,
    {{ null_text() }} as CapacityReservationStatus,
    cast(charges.charge_category as {{ text }}) as ChargeCategory,
    cast(charges.charge_class as {{ text }}) as ChargeClass,
    cast(sku_prices.charge_description as {{ text }}) as ChargeDescription,
    cast('Usage-Based' as {{ text }}) as ChargeFrequency,
    cast(charges.charge_period_end as {{ timestamp_type() }}) as ChargePeriodEnd,
    cast(charges.charge_period_start as {{ timestamp_type() }}) as ChargePeriodStart,
    {{ null_text() }} as CommitmentDiscountCategory,
    {{ null_text() }} as CommitmentDiscountId,
    {{ null_text() }} as CommitmentDiscountName,
    cast(null as {{ quantity_type() }}) as CommitmentDiscountQuantity,
    {%- for column in [
        'CommitmentDiscountStatus', 'CommitmentDiscountType', 'CommitmentDiscountUnit',
        'CommitmentProgramEligibilityDetails',
    ] %}
    {{ null_text() }} as {{ column }},
    {%- endfor %}
    cast(charges.consumed_quantity as {{ quantity_type() }}) as ConsumedQuantity,
    cast(case when charges.consumed_quantity is not null then sku_prices.consumed_unit end as {{ text }}) as ConsumedUnit,
    {{ null_text() }} as ContractApplied,
    cast(charges.contracted_cost as {{ cost_type() }}) as ContractedCost,
    cast(charges.contracted_unit_price as {{ price_type() }}) as ContractedUnitPrice,
    cast(charges.effective_cost as {{ cost_type() }}) as EffectiveCost,
    cast(sku_prices.host_provider_name as {{ text }}) as HostProviderName,
    {{ null_text() }} as InvoiceDetailId,
    -- no invoice is known yet, so costs are computed from prices
    {{ null_text() }} as InvoiceId,
    cast(sku_prices.invoice_issuer_name as {{ text }}) as InvoiceIssuerName,
    cast(charges.list_cost as {{ cost_type() }}) as ListCost,
    cast(charges.list_unit_price as {{ price_type() }}) as ListUnitPrice,
    cast({{ unless_price_alone("'Standard'") }} as {{ text }}) as PricingCategory,
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
    cast(charges.pricing_quantity as {{ quantity_type() }}) as PricingQuantity,
    cast(case when charges.pricing_quantity is not null then sku_prices.pricing_unit end as {{ text }}) as PricingUnit,
    cast(sku_prices.service_provider_name as {{ text }}) as ProviderName,
    cast(sku_prices.model_developer as {{ text }}) as PublisherName,
    cast(charges.region_id as {{ text }}) as RegionId,
    cast(case when charges.region_id is not null then coalesce(regions.region_name, charges.region_id) end as {{ text }})
        as RegionName,
    {%- if resource_id %}
    cast({{ resource_id }} as {{ text }}) as ResourceId,
    {{ null_text() }} as ResourceName,
    cast(case when {{ resource_id }} is not null then '{{ resource_type }}' end as {{ text }}) as ResourceType,
    {%- else %}
    {{ null_text() }} as ResourceId,
    {{ null_text() }} as ResourceName,
    {{ null_text() }} as ResourceType,
    {%- endif %}
    cast('AI and Machine Learning' as {{ text }}) as ServiceCategory,
    cast(sku_prices.service_name as {{ text }}) as ServiceName,
    cast(sku_prices.service_provider_name as {{ text }}) as ServiceProviderName,
    cast('Generative AI' as {{ text }}) as ServiceSubcategory,
    cast(sku_prices.sku_id as {{ text }}) as SkuId,
    cast(sku_prices.sku_meter as {{ text }}) as SkuMeter,
    cast({{ unless_price_alone('sku_prices.sku_price_details_json') }} as {{ text }}) as SkuPriceDetails,
    cast({{ unless_price_alone('sku_prices.sku_price_id') }} as {{ text }}) as SkuPriceId,
    cast(charges.sub_account_id as {{ text }}) as SubAccountId,
    cast(charges.sub_account_name as {{ text }}) as SubAccountName,
    cast(case when charges.sub_account_id is not null then 'Department' end as {{ text }}) as SubAccountType,
    cast(charges.tags_json as {{ text }}) as Tags,
    cast(charges.call_id as {{ text }}) as x_CallId,
    cast({{ call_charge_id('charges') if has_resources else 'charges.charge_id' }} as {{ text }}) as x_ChargeId,
    cast(charges.contract_price_id as {{ text }}) as x_ContractPriceId,
    cast('computed' as {{ text }}) as x_CostBasis,
    cast(charges.ended_at as {{ timestamp_type() }}) as x_EndedAt,
    cast(sku_prices.invoice_issuer_legal_name as {{ text }}) as x_InvoiceIssuerLegalName,
    cast(sku_prices.model as {{ text }}) as x_ModelId,
    cast(sku_prices.price_date_basis as {{ text }}) as x_PriceDateBasis,
    cast(sku_prices.price_id as {{ text }}) as x_PriceId,
    cast(charges.price_rule as {{ text }}) as x_PriceRule,
    cast(charges.served_model as {{ text }}) as x_ServedModel,
    cast(charges.source_name as {{ text }}) as x_SourceName,
    cast(charges.started_at as {{ timestamp_type() }}) as x_StartedAt
from charges
inner join sku_prices
    on charges.meter_price_id = sku_prices.meter_price_id
left join regions
    on charges.region_id = regions.region_id

{%- endmacro %}
