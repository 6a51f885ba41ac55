{#- Whoever groups by the tag x-cost-department, call by call or day by day, finds what has a sub account, whatever
    source it came from. The tag is what was sent: a rule that charges somebody else leaves it as it is. -#}
{%- set rows_with_tags = [
    ('ai_calls', 'call_key', 'sub_account_id', 'allocation_rule', 'tags_json'),
    ('focus_cost_and_usage', 'x_ChargeId', 'SubAccountId', 'x_AllocationRule', 'Tags'),
    ('focus_cost_and_usage_daily', 'x_ChargeId', 'SubAccountId', 'x_AllocationRule', 'Tags'),
] -%}

{%- for table, key, sub_account_id, allocation_rule, tags in rows_with_tags %}
{{ 'union all' if not loop.first }}
select
    '{{ table }}' as table_name,
    {{ key }} as row_key,
    {{ sub_account_id }} as sub_account_id,
    {{ tags }} as tags
from {{ ref(table) }}
where
    {{ sub_account_id }} is not null
    and {{ allocation_rule }} is null
    and not {{ json_has_member(tags, 'x-cost-department') }}
{%- endfor %}
