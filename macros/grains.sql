{#- int_charges summed per UTC day or month of the usage: one row per stretch of time, billing period in which it is
    booked and everything that is not of one call, so that corrections stay apart from what was first charged. -#}
{% macro charges_by(unit) %}
{%- set dimensions = [
    'source_name', 'billing_account_id', 'billing_account_name', 'sub_account_id', 'sub_account_name', 'served_model',
    'meter', 'slice_above', 'meter_price_id', 'contract_price_id', 'region_id', 'billing_period_start', 'charge_category',
    'charge_class', 'billing_currency',
    'list_unit_price', 'contracted_unit_price', 'pricing_currency', 'pricing_currency_list_unit_price',
    'pricing_currency_contracted_unit_price', 'price_rule', 'shared_tags_json',
] -%}
{%- set measures = {
    'consumed_quantity': quantity_type(), 'pricing_quantity': quantity_type(), 'list_cost': cost_type(),
    'contracted_cost': cost_type(), 'billed_cost': cost_type(), 'effective_cost': cost_type(),
    'pricing_currency_effective_cost': cost_type(),
} -%}

with charges as (

    select
        *,
        cast({{ dbt.date_trunc(unit, 'charge_period_start') }} as {{ timestamp_type() }}) as stretch_start
    from {{ ref('int_charges') }}

),

summed as (

    select
        stretch_start,
        {{ dimensions | join(',\n        ') }},
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from charges
    group by
        stretch_start,
        {{ dimensions | join(',\n        ') }}

)

select
    {{ hash_of([
        timestamp_text('stretch_start'), 'meter_price_id', 'contract_price_id', 'source_name',
        'billing_account_id', 'billing_account_name', 'sub_account_id', 'sub_account_name', 'served_model',
        'region_id', 'price_rule', 'shared_tags_json', timestamp_text('billing_period_start'),
        'charge_class', 'cast(slice_above as ' ~ text_type() ~ ')',
        price_text('list_unit_price'), price_text('contracted_unit_price'),
    ] + ([sql_text(unit)] if unit != 'day' else [])) }} as charge_id,
    {{ null_text() }} as call_id,
    {{ null_text() }} as deployment,
    cast(null as {{ timestamp_type() }}) as started_at,
    cast(null as {{ timestamp_type() }}) as ended_at,
    stretch_start as charge_period_start,
    {{ later_by(unit, 1, 'stretch_start') }} as charge_period_end,
    {{ dimensions | reject('equalto', 'shared_tags_json') | join(',\n    ') }},
    shared_tags_json as tags_json,
    {%- for measure, type in measures.items() %}
    cast({{ measure }} as {{ type }}) as {{ measure }}{{ ',' if not loop.last }}
    {%- endfor %}
from summed
{% endmacro %}
