{{ config(materialized='table' if priced_usage_is_incremental() else 'view') }}

{#- One row per input of the charges and billing period with a fingerprint of its rows: the usage of a source
    per month, all else for all months. Charges of a month are made of the usage of that month and earlier
    ones, never of later ones, so nothing changes in a table before the first month that differs here. -#}
{%- set version = version_of_priced_usage() if priced_usage_is_incremental() else '' %}
{%- set columns = documented_columns('int_usage_counted') | reject('in', columns_beside_charges()) | list %}

select
    source_name || ' usage' as input,
    {{ billing_period_start('deliveries.started_at') }} as billing_period_start,
    {{ fingerprint_of_rows(columns, 'deliveries') }} as fingerprint
from {{ ref('int_usage_counted') }} as deliveries
group by 1, 2

union all
{%- for name in charge_input_relations() %}

select
    '{{ name }}' as input,
    {{ begin_of_time() }} as billing_period_start,
    {{ fingerprint_of_rows(documented_columns(name), 'rows_of_input') }} as fingerprint
from {{ price_book(name) }} as rows_of_input

union all
{%- endfor %}

select
    'models, macros and variables' as input,
    {{ begin_of_time() }} as billing_period_start,
    '{{ version }}' as fingerprint
