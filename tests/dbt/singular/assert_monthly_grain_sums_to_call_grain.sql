{#- Per price, month of the usage and billing period the monthly grain holds the costs and quantities of the call
    grain, and each of its rows has an id of its own. -#}
{%- set measures = [
    'consumed_quantity', 'pricing_quantity', 'list_cost', 'contracted_cost', 'billed_cost', 'effective_cost',
    'pricing_currency_effective_cost',
] -%}

with per_call as (

    select
        meter_price_id,
        billing_currency,
        billing_period_start,
        {{ billing_period_start('charge_period_start') }} as charge_month,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_charges') }}
    group by 1, 2, 3, 4

),

per_month as (

    select
        meter_price_id,
        billing_currency,
        billing_period_start,
        {{ billing_period_start('charge_period_start') }} as charge_month,
        count(*) as charges,
        count(distinct charge_id) as charge_ids,
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_charges_monthly') }}
    group by 1, 2, 3, 4

)

select
    coalesce(per_call.meter_price_id, per_month.meter_price_id) as meter_price_id,
    coalesce(per_call.billing_period_start, per_month.billing_period_start) as billing_period_start,
    coalesce(per_call.billing_currency, per_month.billing_currency) as billing_currency,
    per_call.effective_cost as effective_cost_per_call,
    per_month.effective_cost as effective_cost_per_month
from per_call
full outer join per_month
    on
        per_call.meter_price_id = per_month.meter_price_id
        and per_call.billing_period_start = per_month.billing_period_start
        and per_call.charge_month = per_month.charge_month
        and per_call.billing_currency = per_month.billing_currency
where
    per_call.meter_price_id is null
    or per_month.meter_price_id is null
    or per_month.charges <> per_month.charge_ids
    {%- for measure in measures %}
    or coalesce(per_call.{{ measure }}, 0) <> coalesce(per_month.{{ measure }}, 0)
    {%- endfor %}
