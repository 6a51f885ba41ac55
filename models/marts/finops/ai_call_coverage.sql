{#- The one place that says what a call, or a bucket of a usage report, counts in coverage: whoever tells how complete a
    sum is adds these up. -#}
{%- set bucket_counts = [
    'buckets', 'missing_buckets', 'bucket_tokens', 'missing_bucket_tokens', 'bucket_requests',
] -%}
{%- set call_counts = ['calls', 'priced_calls', 'missing_calls', 'tokens', 'priced_tokens', 'missing_tokens'] %}
{%- set compared_counts = {
    'compared': 'is_compared',
    'differing': "is_compared and reason <> 'equal'",
    'unexplained': "is_compared and reason = 'unexplained'",
} %}
{%- set compared_costs = {
    'compared': 'is_compared',
    'equal': "reason = 'equal'",
    'explained': "reason not in ('equal', 'unexplained')",
    'unexplained': "reason = 'unexplained'",
} %}

with usage_of_calls as (

    select * from {{ ref('int_usage') }}

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

source_costs as (

    select * from {{ ref('ai_cost_comparison') }}

),

providers as (

    select * from {{ ref('stg_pricing__providers') }}

),

judged as (

    select
        usage_of_calls.call_key,
        usage_of_calls.source_name,
        usage_of_calls.provider_as_sent,
        providers.service_provider_name,
        usage_of_calls.billing_account_id,
        usage_of_calls.sub_account_id,
        usage_of_calls.charge_period_start,
        usage_of_calls.source_cost,
        usage_of_calls.prompt_tokens + usage_of_calls.completion_tokens as tokens,
        usage_of_calls.is_billable,
        case when usage_of_calls.is_billable then held_calls.hold_reason end as hold_reason,
        usage_of_calls.is_billable and held_calls.call_key is not null as is_missing,
        usage_of_calls.is_billable and source_costs.call_key is not null as is_compared,
        source_costs.reason,
        source_costs.stated_cost
    from usage_of_calls
    left join held_calls
        on usage_of_calls.call_key = held_calls.call_key
    left join source_costs
        on usage_of_calls.call_key = source_costs.call_key
    left join providers
        on usage_of_calls.provider = providers.provider

),

buckets as (

    select
        usage_buckets.call_key,
        usage_buckets.source_name,
        usage_buckets.provider_as_sent,
        providers.service_provider_name,
        usage_buckets.billing_account_id,
        usage_buckets.sub_account_id,
        usage_buckets.charge_period_start,
        usage_buckets.prompt_tokens + usage_buckets.completion_tokens as tokens,
        held_calls.hold_reason,
        case when held_calls.call_key is null then 0 else 1 end as missing_buckets,
        -- the meters of a bucket tell of the same requests
        case
            when
                row_number() over (
                    partition by
                        usage_buckets.source_name,
                        usage_buckets.billing_account_id,
                        coalesce(usage_buckets.provider, lower(usage_buckets.provider_as_sent)),
                        lower(usage_buckets.model_as_sent),
                        usage_buckets.charge_period_start,
                        usage_buckets.charge_period_end,
                        usage_buckets.sub_account_id,
                        usage_buckets.service_tier,
                        usage_buckets.processing_mode,
                        usage_buckets.region_id,
                        usage_buckets.tags_json
                    order by coalesce(usage_buckets.request_count, 0) desc, usage_buckets.call_key
                ) = 1
                then coalesce(usage_buckets.request_count, 0)
            else 0
        end as requests
    from {{ ref('int_usage_buckets') }} as usage_buckets
    left join held_calls
        on usage_buckets.call_key = held_calls.call_key
    left join providers
        on usage_buckets.provider = providers.provider
    where usage_buckets.is_billable

)

select
    call_key,
    source_name,
    provider_as_sent,
    service_provider_name,
    billing_account_id,
    sub_account_id,
    {{ billing_period_start('charge_period_start') }} as usage_month,
    charge_period_start,
    is_billable,
    hold_reason,
    cast(case when is_billable then 1 else 0 end as {{ whole_type() }}) as calls,
    cast(case when is_billable and not is_missing then 1 else 0 end as {{ whole_type() }}) as priced_calls,
    cast(case when is_missing then 1 else 0 end as {{ whole_type() }}) as missing_calls,
    cast(case when is_billable then tokens else 0 end as {{ whole_type() }}) as tokens,
    cast(case when is_billable and not is_missing then tokens else 0 end as {{ whole_type() }}) as priced_tokens,
    cast(case when is_missing then tokens else 0 end as {{ whole_type() }}) as missing_tokens,
    -- LiteLLM writes 0 where it knows no price: of a call without one that says nothing
    cast(case when is_missing then nullif(source_cost, 0) end as {{ cost_type() }}) as missing_stated_cost,
    -- all that sources state is in USD
    case when is_missing and source_cost <> 0 then cast('USD' as {{ text_type() }}) end as stated_cost_currency,
    cast(case when is_missing and coalesce(source_cost, 0) = 0 then 1 else 0 end as {{ whole_type() }})
        as unknown_cost_calls,
    {%- for name, condition in compared_counts.items() %}
    cast(case when {{ condition }} then 1 else 0 end as {{ whole_type() }}) as {{ name }}_calls,
    {%- endfor %}
    {%- for name, condition in compared_costs.items() %}
    cast(case when not is_compared then null when {{ condition }} then stated_cost else 0 end as {{ cost_type() }})
        as {{ name }}_stated_cost,
    {%- endfor %}
    {%- for column in bucket_counts %}
    cast(0 as {{ whole_type() }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from judged

union all

select
    call_key,
    source_name,
    provider_as_sent,
    service_provider_name,
    billing_account_id,
    sub_account_id,
    {{ billing_period_start('charge_period_start') }} as usage_month,
    charge_period_start,
    true as is_billable,
    hold_reason,
    {%- for column in call_counts %}
    cast(0 as {{ whole_type() }}) as {{ column }},
    {%- endfor %}
    cast(null as {{ cost_type() }}) as missing_stated_cost,
    {{ null_text() }} as stated_cost_currency,
    cast(0 as {{ whole_type() }}) as unknown_cost_calls,
    {%- for name in compared_counts %}
    cast(0 as {{ whole_type() }}) as {{ name }}_calls,
    {%- endfor %}
    {%- for name in compared_costs %}
    cast(null as {{ cost_type() }}) as {{ name }}_stated_cost,
    {%- endfor %}
    cast(1 as {{ whole_type() }}) as buckets,
    cast(missing_buckets as {{ whole_type() }}) as missing_buckets,
    cast(tokens as {{ whole_type() }}) as bucket_tokens,
    cast(missing_buckets * tokens as {{ whole_type() }}) as missing_bucket_tokens,
    cast(requests as {{ whole_type() }}) as bucket_requests
from buckets
