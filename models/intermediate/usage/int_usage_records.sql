{#- One row per delivered record of every enabled source, faults included. The list of sources is walked here and
    nowhere else. -#}
{%- for source_name in usage_sources() %}
{{ 'union all' if not loop.first }}
select
    cast('{{ source_name }}' as {{ text_type() }}) as source_name,
    {{ usage_columns() | reject('equalto', 'source_name') | join(',\n    ') }}
from {{ ref('stg_' ~ source_name ~ '__usage') }}
{%- endfor %}
