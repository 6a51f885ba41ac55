{%- set bucket_counts = [
    'buckets', 'missing_buckets', 'bucket_tokens', 'missing_bucket_tokens', 'bucket_requests',
] -%}
{%- set compared_counts = ['compared_calls', 'differing_calls', 'unexplained_calls'] -%}
{%- set compared_costs = [
    'compared_stated_cost', 'equal_stated_cost', 'explained_stated_cost', 'unexplained_stated_cost',
] -%}
{%- set sources = "'" ~ usage_sources() | join("', '") ~ "'" -%}

with call_coverage as (

    select * from {{ ref('ai_call_coverage') }} where is_billable

),

unreadable_records as (

    select * from {{ ref('ai_unreadable_records') }}

)

select
    call_coverage.usage_month,
    coalesce(call_coverage.service_provider_name, call_coverage.provider_as_sent) as service_provider_name,
    {%- for column in ['calls', 'priced_calls', 'tokens', 'priced_tokens', 'missing_calls', 'missing_tokens'] %}
    cast(sum(call_coverage.{{ column }}) as {{ whole_type() }}) as {{ column }},
    {%- endfor %}
    cast(sum(call_coverage.missing_stated_cost) as {{ cost_type() }}) as missing_stated_cost,
    max(call_coverage.stated_cost_currency) as stated_cost_currency,
    cast(sum(call_coverage.unknown_cost_calls) as {{ whole_type() }}) as unknown_cost_calls,
    {%- for column in compared_counts %}
    cast(sum(call_coverage.{{ column }}) as {{ whole_type() }}) as {{ column }},
    {%- endfor %}
    {%- for column in compared_costs %}
    cast(sum(call_coverage.{{ column }}) as {{ cost_type() }}) as {{ column }},
    {%- endfor %}
    cast(0 as {{ whole_type() }}) as unreadable_records,
    {%- for column in bucket_counts %}
    cast(sum(call_coverage.{{ column }}) as {{ whole_type() }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from call_coverage
group by 1, 2

union all

-- a record of which nobody can say what it is has neither a period nor a provider
select
    cast(null as {{ timestamp_type() }}) as usage_month,
    {{ null_text() }} as service_provider_name,
    cast(0 as {{ whole_type() }}) as calls,
    cast(0 as {{ whole_type() }}) as priced_calls,
    cast(0 as {{ whole_type() }}) as tokens,
    cast(0 as {{ whole_type() }}) as priced_tokens,
    cast(0 as {{ whole_type() }}) as missing_calls,
    cast(0 as {{ whole_type() }}) as missing_tokens,
    cast(null as {{ cost_type() }}) as missing_stated_cost,
    {{ null_text() }} as stated_cost_currency,
    cast(0 as {{ whole_type() }}) as unknown_cost_calls,
    {%- for column in compared_counts %}
    cast(0 as {{ whole_type() }}) as {{ column }},
    {%- endfor %}
    {%- for column in compared_costs %}
    cast(null as {{ cost_type() }}) as {{ column }},
    {%- endfor %}
    cast(sum(records) as {{ whole_type() }}) as unreadable_records,
    {%- for column in bucket_counts %}
    cast(0 as {{ whole_type() }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from unreadable_records
where source_name in ({{ sources }})
having count(*) > 0
