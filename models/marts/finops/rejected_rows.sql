{%- for source_name in usage_sources() + ['contracts', 'pricing', 'billing', 'currencies'] %}
{{ 'union all' if not loop.first }}
select * from {{ ref('stg_' ~ source_name ~ '__rejected') }}
{%- endfor %}

union all

select * from {{ ref('int_contract_prices_rejected') }}
