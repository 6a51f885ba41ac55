{#- The same charges summed per UTC day: one row per day and everything that is not of one call. -#}
{%- set dimensions = [
    'source_name', 'billing_account_id', 'billing_account_name', 'sub_account_id', 'sub_account_name', 'served_model',
    'meter', 'slice_above', 'meter_price_id', 'contract_price_id', 'region_id', 'billing_period_start', 'charge_category',
    'charge_class', 'billing_currency',
    'list_unit_price', 'contracted_unit_price', 'pricing_currency', 'pricing_currency_list_unit_price',
    'pricing_currency_contracted_unit_price', 'price_rule', 'shared_tags_json',
] -%}

with charges as (

    select
        *,
        cast({{ dbt.date_trunc('day', 'charge_period_start') }} as {{ timestamp_type() }}) as charge_day
    from {{ ref('int_charges') }}

),

summed as (

    select
        charge_day,
        {{ dimensions | join(',\n        ') }},
        sum(consumed_quantity) as consumed_quantity,
        sum(pricing_quantity) as pricing_quantity,
        sum(list_cost) as list_cost,
        sum(contracted_cost) as contracted_cost,
        sum(billed_cost) as billed_cost,
        sum(effective_cost) as effective_cost,
        sum(pricing_currency_effective_cost) as pricing_currency_effective_cost
    from charges
    group by
        charge_day,
        {{ dimensions | join(',\n        ') }}

)

select
    {{ hash_of([
        timestamp_text('charge_day'), 'meter_price_id', 'contract_price_id', 'source_name',
        'billing_account_id', 'billing_account_name', 'sub_account_id', 'sub_account_name', 'served_model',
        'region_id', 'price_rule', 'shared_tags_json', timestamp_text('billing_period_start'),
        'charge_class', 'cast(slice_above as ' ~ text_type() ~ ')',
        price_text('list_unit_price'), price_text('contracted_unit_price'),
    ]) }} as charge_id,
    {{ null_text() }} as call_id,
    {{ null_text() }} as deployment,
    cast(null as {{ timestamp_type() }}) as started_at,
    cast(null as {{ timestamp_type() }}) as ended_at,
    charge_day as charge_period_start,
    {{ later_by('day', 1, 'charge_day') }} as charge_period_end,
    {{ dimensions | reject('equalto', 'shared_tags_json') | join(',\n    ') }},
    shared_tags_json as tags_json,
    cast(consumed_quantity as {{ quantity_type() }}) as consumed_quantity,
    cast(pricing_quantity as {{ quantity_type() }}) as pricing_quantity,
    cast(list_cost as {{ cost_type() }}) as list_cost,
    cast(contracted_cost as {{ cost_type() }}) as contracted_cost,
    cast(billed_cost as {{ cost_type() }}) as billed_cost,
    cast(effective_cost as {{ cost_type() }}) as effective_cost,
    cast(pricing_currency_effective_cost as {{ cost_type() }}) as pricing_currency_effective_cost
from summed
