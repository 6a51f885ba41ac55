{%- set sources = "'" ~ usage_sources() | join("', '") ~ "'" -%}

with call_coverage as (

    select * from {{ ref('ai_call_coverage') }} where is_billable

),

source_costs as (

    select * from {{ ref('int_source_costs') }}

),

rejected_rows as (

    select * from {{ ref('rejected_rows') }}

)

select
    call_coverage.billing_period_start,
    coalesce(call_coverage.service_provider_name, call_coverage.provider_as_sent) as provider,
    cast(sum(call_coverage.calls) as {{ whole_type() }}) as calls,
    cast(sum(call_coverage.priced_calls) as {{ whole_type() }}) as priced_calls,
    cast(sum(call_coverage.tokens) as {{ whole_type() }}) as tokens,
    cast(sum(call_coverage.priced_tokens) as {{ whole_type() }}) as priced_tokens,
    cast(sum(call_coverage.missing_calls) as {{ whole_type() }}) as missing_calls,
    cast(sum(call_coverage.missing_tokens) as {{ whole_type() }}) as missing_tokens,
    cast(sum(call_coverage.missing_stated_cost) as {{ cost_type() }}) as missing_stated_cost,
    max(call_coverage.stated_cost_currency) as stated_cost_currency,
    cast(sum(call_coverage.unknown_cost_calls) as {{ whole_type() }}) as unknown_cost_calls,
    count(source_costs.is_different) as compared_calls,
    cast(sum(case when source_costs.is_different then 1 else 0 end) as {{ whole_type() }}) as differing_calls,
    cast(0 as {{ whole_type() }}) as unreadable_records
from call_coverage
left join source_costs
    on call_coverage.call_key = source_costs.call_key
group by 1, 2

union all

-- a record of which nobody can say what it is has neither a period nor a provider
select
    cast(null as {{ timestamp_type() }}) as billing_period_start,
    {{ null_text() }} as provider,
    cast(0 as {{ whole_type() }}) as calls,
    cast(0 as {{ whole_type() }}) as priced_calls,
    cast(0 as {{ whole_type() }}) as tokens,
    cast(0 as {{ whole_type() }}) as priced_tokens,
    cast(0 as {{ whole_type() }}) as missing_calls,
    cast(0 as {{ whole_type() }}) as missing_tokens,
    cast(null as {{ cost_type() }}) as missing_stated_cost,
    {{ null_text() }} as stated_cost_currency,
    cast(0 as {{ whole_type() }}) as unknown_cost_calls,
    cast(0 as {{ whole_type() }}) as compared_calls,
    cast(0 as {{ whole_type() }}) as differing_calls,
    cast(sum(records) as {{ whole_type() }}) as unreadable_records
from rejected_rows
where source_name in ({{ sources }})
having count(*) > 0
