{#- The charges of each grain, so that one mapping serves all: a reader asks for one. -#}
{%- for grain, relation in [
    ('call', ref('int_charges')),
    ('day', ref('int_charges_daily')),
    ('month', ref('int_charges_monthly')),
] %}
{{ 'union all' if not loop.first }}
select
    {{ sql_text(grain) }} as grain,
    {{ charge_columns() | join(',\n    ') }}
from {{ relation }}
{% endfor %}
