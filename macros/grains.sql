{#- int_charges summed per UTC day or month of the usage: one row per stretch of time, billing period in which it is
    booked and everything that is not of one call, so that corrections stay apart from what was first charged. -#}
{% macro charges_by(unit) %}
{%- set dimensions = [
    'charge_category', 'charge_class', 'charge_frequency', 'pricing_category', 'charge_description', 'cost_basis',
    'billing_period_start', 'source_name', 'served_model', 'billing_account_id', 'billing_account_name',
    'sub_account_id', 'sub_account_name', 'allocation_rule', 'provider', 'region_id', 'meter', 'slice_above', 'sku_id',
    'sku_price_id', 'meter_price_id', 'contract_price_id', 'price_rule', 'commitment_id', 'commitment_status', 'invoice_id',
    'invoice_detail_id', 'pricing_unit', 'billing_currency', 'list_unit_price', 'contracted_unit_price',
    'pricing_currency', 'pricing_currency_list_unit_price', 'pricing_currency_contracted_unit_price',
    'shared_tags_json',
] -%}
{%- set measures = [
    'commitment_quantity', 'consumed_quantity', 'pricing_quantity', 'list_cost', 'contracted_cost', 'billed_cost',
    'effective_cost', 'pricing_currency_effective_cost',
] -%}
{%- set key = [
    timestamp_text('stretch_start'), timestamp_text('billing_period_start'),
    'cast(slice_above as ' ~ text_type() ~ ')', price_text('list_unit_price'), price_text('contracted_unit_price'),
    price_text('pricing_currency_list_unit_price'), price_text('pricing_currency_contracted_unit_price'),
] -%}
{%- set not_text = [
    'billing_period_start', 'slice_above', 'list_unit_price', 'contracted_unit_price',
    'pricing_currency_list_unit_price', 'pricing_currency_contracted_unit_price',
] -%}

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
    -- what was turned round and charged again with these dimensions is no correction of their sum
    having
        charge_class is null
        {%- for measure in ['consumed_quantity', 'list_cost', 'contracted_cost', 'billed_cost', 'effective_cost'] %}
        or sum(charges.{{ measure }}) <> 0
        {%- endfor %}

),

identified as (

    select
        {{ hash_of(
            key + dimensions | reject('in', not_text) | list + ([sql_text(unit)] if unit != 'day' else [])
        ) }} as charge_id,
        stretch_start as charge_period_start,
        {{ later_by(unit, 1, 'stretch_start') }} as charge_period_end,
        {{ dimensions | join(',\n        ') }},
        shared_tags_json as tags_json,
        {{ measures | join(',\n        ') }}
    from summed

)

{{ select_charges('identified', ['charge_id', 'charge_period_start', 'charge_period_end', 'tags_json']
    + dimensions + measures) }}
{% endmacro %}
