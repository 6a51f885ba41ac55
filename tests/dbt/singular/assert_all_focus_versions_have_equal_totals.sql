{#- Every version of each grain has the costs and quantities of the facts, each currency by itself, and the
    versions of a grain have as many rows. -#}
{%- set versions = ['1.4', '1.3', '1.2', '1.1', '1.0'] -%}
{%- set grains = {
    'call': 'focus_cost_and_usage', 'day': 'focus_cost_and_usage_daily', 'month': 'focus_cost_and_usage_monthly',
} -%}
{%- set measures = [
    ('consumed_quantity', 'ConsumedQuantity'), ('pricing_quantity', 'PricingQuantity'), ('list_cost', 'ListCost'),
    ('contracted_cost', 'ContractedCost'), ('billed_cost', 'BilledCost'), ('effective_cost', 'EffectiveCost'),
] -%}

with totals as (

    select
        'call' as grain,
        billing_currency,
        count(*) as charges,
        {%- for fact, _ in measures %}
        coalesce(sum({{ fact }}), 0) as {{ fact }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_charges') }}
    group by billing_currency
    {%- for version in versions %}
    {%- for grain, model in grains.items() %}

    union all

    select
        '{{ grain }}' as grain,
        BillingCurrency as billing_currency,
        count(*) as charges,
        {%- for fact, column in measures %}
        coalesce(sum({{ column }}), 0) as {{ fact }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(model, v=version) }}
    group by BillingCurrency
    {%- endfor %}
    {%- endfor %}

)

select
    billing_currency,
    count(*) as totals
from totals
group by billing_currency
having
    count(*) <> {{ versions | length * grains | length + 1 }}
    {%- for grain in grains %}
    or count(distinct case when grain = '{{ grain }}' then charges end) <> 1
    {%- endfor %}
    {%- for fact, _ in measures %}
    or min({{ fact }}) <> max({{ fact }})
    {%- endfor %}
