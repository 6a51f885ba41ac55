{%- for source_name in var('usage_sources', ['gateway', 'litellm']) + ['contracts', 'pricing'] %}
{{ 'union all' if not loop.first }}
select * from {{ ref('stg_' ~ source_name ~ '__rejected') }}
{%- endfor %}
