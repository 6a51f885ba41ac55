{#- Per price and billing period the two grains hold the same costs and quantities, and each row of the
    daily grain has an id of its own. One test, since the daily grain is summed as it is read. -#}
{%- set measures = [
    'consumed_quantity', 'pricing_quantity', 'list_cost', 'contracted_cost', 'billed_cost', 'effective_cost',
    'pricing_currency_effective_cost',
] -%}

with per_call as (

    select
        meter_price_id,
        billing_currency,
        {{ billing_period_start('charge_period_start') }} as billing_period_start,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_charges') }}
    group by 1, 2, 3

),

per_day as (

    select
        meter_price_id,
        billing_currency,
        {{ billing_period_start('charge_period_start') }} as billing_period_start,
        count(*) as charges,
        count(distinct charge_id) as charge_ids,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_charges_daily') }}
    group by 1, 2, 3

)

select
    coalesce(per_call.meter_price_id, per_day.meter_price_id) as meter_price_id,
    coalesce(per_call.billing_period_start, per_day.billing_period_start) as billing_period_start,
    coalesce(per_call.billing_currency, per_day.billing_currency) as billing_currency,
    per_call.effective_cost as effective_cost_per_call,
    per_day.effective_cost as effective_cost_per_day
from per_call
full outer join per_day
    on
        per_call.meter_price_id = per_day.meter_price_id
        and per_call.billing_period_start = per_day.billing_period_start
        and per_call.billing_currency = per_day.billing_currency
where
    per_call.meter_price_id is null
    or per_day.meter_price_id is null
    or per_day.charges <> per_day.charge_ids
    {%- for measure in measures %}
    or coalesce(per_call.{{ measure }}, 0) <> coalesce(per_day.{{ measure }}, 0)
    {%- endfor %}
