{%- set sources = "'" ~ usage_sources() | join("', '") ~ "'" -%}

with usage_of_calls as (

    select * from {{ ref('int_usage') }}

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

source_costs as (

    select * from {{ ref('int_source_costs') }}

),

rejected_rows as (

    select * from {{ ref('rejected_rows') }}

),

providers as (

    select * from {{ price_book('providers') }}

),

billable as (

    select
        {{ billing_period_start('usage_of_calls.charge_period_start') }} as billing_period_start,
        coalesce(providers.service_provider_name, usage_of_calls.provider_as_sent) as provider,
        held_calls.call_key is null as is_priced,
        usage_of_calls.prompt_tokens + usage_of_calls.completion_tokens as tokens,
        source_costs.is_different,
        -- LiteLLM writes 0 where it knows no price: of a call without one that says nothing
        case when held_calls.call_key is not null then nullif(usage_of_calls.source_cost, 0) end as stated_cost
    from usage_of_calls
    left join held_calls
        on usage_of_calls.call_key = held_calls.call_key
    left join source_costs
        on usage_of_calls.call_key = source_costs.call_key
    left join providers
        on usage_of_calls.provider = providers.provider
    where usage_of_calls.is_billable

),

-- a record of which nobody can say what it is has neither a period nor a provider; with several faults it is one
unreadable as (

    select distinct source_name, raw_table, file, line, record_key from rejected_rows
    where
        source_name in ({{ sources }})
        and (line is not null or record_key is not null)

    union all

    select source_name, raw_table, file, line, record_key from rejected_rows
    where
        source_name in ({{ sources }})
        and line is null
        and record_key is null

)

select
    billing_period_start,
    provider,
    count(*) as calls,
    cast(sum(case when is_priced then 1 else 0 end) as {{ whole_type() }}) as priced_calls,
    cast(sum(tokens) as {{ whole_type() }}) as tokens,
    cast(sum(case when is_priced then tokens else 0 end) as {{ whole_type() }}) as priced_tokens,
    cast(sum(case when is_priced then 0 else 1 end) as {{ whole_type() }}) as missing_calls,
    cast(sum(case when is_priced then 0 else tokens end) as {{ whole_type() }}) as missing_tokens,
    cast(sum(stated_cost) as {{ cost_type() }}) as missing_stated_cost,
    -- all that sources state is in USD
    case when count(stated_cost) > 0 then cast('USD' as {{ text_type() }}) end as stated_cost_currency,
    cast(sum(case when not is_priced and stated_cost is null then 1 else 0 end) as {{ whole_type() }})
        as unknown_cost_calls,
    count(is_different) as compared_calls,
    cast(sum(case when is_different then 1 else 0 end) as {{ whole_type() }}) as differing_calls,
    cast(0 as {{ whole_type() }}) as unreadable_records
from billable
group by 1, 2

union all

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
    count(*) as unreadable_records
from unreadable
having count(*) > 0
