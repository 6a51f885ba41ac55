{#- Every version of both grains has the rows and the four costs of the facts. A version is a choice of
    columns of one model, so what can go wrong is a row filter, a join or a mixed-up cost, and that shows
    on any day: the first one is compared, each currency by itself. -#}
{%- set versions = ['1.4', '1.3', '1.2', '1.1', '1.0'] -%}

with first_instant as (

    select cast({{ dbt.date_trunc('day', 'min(charge_period_start)') }} as {{ timestamp_type() }}) as starts_at
    from {{ ref('int_charges') }}

),

first_day as (

    select
        starts_at,
        {{ later_by('day', 1, 'starts_at') }} as ends_at
    from first_instant

),

totals as (

    select
        'call' as grain,
        'facts' as focus_version,
        billing_currency,
        count(*) as charges,
        sum(list_cost) as list_cost,
        sum(contracted_cost) as contracted_cost,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost
    from {{ ref('int_charges') }}
    where
        charge_period_start >= (select starts_at from first_day)
        and charge_period_start < (select ends_at from first_day)
    group by billing_currency

    union all

    select
        'day' as grain,
        'facts' as focus_version,
        billing_currency,
        count(*) as charges,
        sum(list_cost) as list_cost,
        sum(contracted_cost) as contracted_cost,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost
    from {{ ref('int_charges_daily') }}
    where
        charge_period_start >= (select starts_at from first_day)
        and charge_period_start < (select ends_at from first_day)
    group by billing_currency

    {%- for version in versions %}

    union all

    select
        'call' as grain,
        '{{ version }}' as focus_version,
        BillingCurrency as billing_currency,
        count(*) as charges,
        sum(ListCost) as list_cost,
        sum(ContractedCost) as contracted_cost,
        sum(BilledCost) as billed_cost,
        sum(EffectiveCost) as effective_cost
    from {{ ref('focus_cost_and_usage', v=version) }}
    where
        ChargePeriodStart >= (select starts_at from first_day)
        and ChargePeriodStart < (select ends_at from first_day)
    group by BillingCurrency

    union all

    select
        'day' as grain,
        '{{ version }}' as focus_version,
        BillingCurrency as billing_currency,
        count(*) as charges,
        sum(ListCost) as list_cost,
        sum(ContractedCost) as contracted_cost,
        sum(BilledCost) as billed_cost,
        sum(EffectiveCost) as effective_cost
    from {{ ref('focus_cost_and_usage_daily', v=version) }}
    where
        ChargePeriodStart >= (select starts_at from first_day)
        and ChargePeriodStart < (select ends_at from first_day)
    group by BillingCurrency
    {%- endfor %}

)

select
    grain,
    billing_currency,
    min(charges) as fewest_charges,
    max(charges) as most_charges
from totals
group by grain, billing_currency
having
    count(*) <> {{ versions | length + 1 }}
    or min(charges) <> max(charges)
    or min(coalesce(list_cost, 0)) <> max(coalesce(list_cost, 0))
    or min(coalesce(contracted_cost, 0)) <> max(coalesce(contracted_cost, 0))
    or min(coalesce(billed_cost, 0)) <> max(coalesce(billed_cost, 0))
    or min(coalesce(effective_cost, 0)) <> max(coalesce(effective_cost, 0))
