{#- Whoever groups by the tag x-cost-department, call by call or day by day, finds what has a sub account, whatever
    source it came from. -#}
{%- set rows_with_tags = [
    ('ai_calls', 'call_key', 'sub_account_id', 'tags_json'),
    ('focus_cost_and_usage', 'x_ChargeId', 'SubAccountId', 'Tags'),
    ('focus_cost_and_usage_daily', 'x_ChargeId', 'SubAccountId', 'Tags'),
] -%}

{%- for table, key, sub_account_id, tags in rows_with_tags %}
{{ 'union all' if not loop.first }}
select
    '{{ table }}' as table_name,
    {{ key }} as row_key,
    {{ sub_account_id }} as sub_account_id,
    {{ tags }} as tags
from {{ ref(table) }}
where
    {{ sub_account_id }} is not null
    and not {{ json_has_member(tags, 'x-cost-department') }}
{%- endfor %}
