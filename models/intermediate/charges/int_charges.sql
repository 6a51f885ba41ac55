{{ config(physical_design('billing_period_start', 'charge_period_start')) }}
{{ config(charges_config()) }}

{#- Every charge of every category: a new one is a model int_charges__<category> and a line here. -#}
{%- set categories = [
    'usage',
    'corrections',
] -%}

-- depends_on: {{ ref('int_charge_inputs') }}
{% for category in categories %}
{{ 'union all' if not loop.first }}
select
    {{ charge_columns() | join(',\n    ') }}
from {{ ref('int_charges__' ~ category) }}
{% endfor %}
