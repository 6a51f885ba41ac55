{#- Per category, price, month of the usage and billing period a day's and a month's charges hold the costs and
    quantities of the calls', and each has an id of its own. One test, since these grains are summed as they are
    read. -#}
{%- set grains = {'day': 'int_charges_daily', 'month': 'int_charges_monthly'} -%}
{%- set measures = [
    'consumed_quantity', 'pricing_quantity', 'list_cost', 'contracted_cost', 'billed_cost', 'effective_cost',
    'pricing_currency_effective_cost',
] -%}

with per_call as (

    select
        charge_category,
        coalesce(meter_price_id, '') as meter_price_id,
        billing_currency,
        billing_period_start,
        {{ billing_period_start('charge_period_start') }} as charge_month,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_charges') }}
    group by 1, 2, 3, 4, 5

),

summed as (
    {%- for grain, model in grains.items() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ grain }}' as grain,
        charge_category,
        coalesce(meter_price_id, '') as meter_price_id,
        billing_currency,
        billing_period_start,
        {{ billing_period_start('charge_period_start') }} as charge_month,
        count(*) as charges,
        count(distinct charge_id) as charge_ids,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(model) }}
    group by 2, 3, 4, 5, 6
    {%- endfor %}

),

expected as (
    {%- for grain in grains %}
    {{ 'union all' if not loop.first }}
    select
        '{{ grain }}' as grain,
        *
    from per_call
    {%- endfor %}

)

select
    coalesce(expected.grain, summed.grain) as grain,
    coalesce(expected.charge_category, summed.charge_category) as charge_category,
    coalesce(expected.meter_price_id, summed.meter_price_id) as meter_price_id,
    coalesce(expected.billing_period_start, summed.billing_period_start) as billing_period_start,
    coalesce(expected.billing_currency, summed.billing_currency) as billing_currency,
    expected.effective_cost as effective_cost_of_calls,
    summed.effective_cost
from expected
full outer join summed
    on
        expected.grain = summed.grain
        and expected.charge_category = summed.charge_category
        and expected.meter_price_id = summed.meter_price_id
        and expected.billing_period_start = summed.billing_period_start
        and expected.charge_month = summed.charge_month
        and expected.billing_currency = summed.billing_currency
where
    expected.meter_price_id is null
    or summed.charges <> summed.charge_ids
    {%- for measure in measures %}
    or coalesce(expected.{{ measure }}, 0) <> coalesce(summed.{{ measure }}, 0)
    {%- endfor %}
