{#- Every charge of every category: a new one is a model int_charges__<category> and a line here. -#}
{%- set categories = [
    'usage',
    'corrections',
] -%}

{% for category in categories %}
{{ 'union all' if not loop.first }}
select
    {{ charge_columns() | join(',\n    ') }}
from {{ ref('int_charges__' ~ category) }}
{% endfor %}
