{%- set call_counts = [
    'calls', 'priced_calls', 'tokens', 'priced_tokens', 'missing_calls', 'missing_tokens', 'unknown_cost_calls',
] -%}
{%- set bucket_counts = [
    'buckets', 'missing_buckets', 'bucket_tokens', 'missing_bucket_tokens', 'bucket_requests',
] -%}
{%- set sources = "'" ~ usage_sources() | join("', '") ~ "'" -%}

with call_coverage as (

    select * from {{ ref('ai_call_coverage') }} where is_billable

),

source_costs as (

    select * from {{ ref('int_source_costs') }}

),

unreadable_records as (

    select * from {{ ref('ai_unreadable_records') }}

),

of_calls as (

    select
        call_coverage.usage_month,
        coalesce(call_coverage.service_provider_name, call_coverage.provider_as_sent) as service_provider_name,
        {%- for column in call_counts %}
        sum(call_coverage.{{ column }}) as {{ column }},
        {%- endfor %}
        sum(call_coverage.missing_stated_cost) as missing_stated_cost,
        max(call_coverage.stated_cost_currency) as stated_cost_currency,
        count(source_costs.is_different) as compared_calls,
        sum(case when source_costs.is_different then 1 else 0 end) as differing_calls
    from call_coverage
    left join source_costs
        on call_coverage.call_key = source_costs.call_key
    group by 1, 2

),

buckets as (

    select
        {{ billing_period_start('usage_buckets.charge_period_start') }} as usage_month,
        coalesce(providers.service_provider_name, usage_buckets.provider_as_sent) as service_provider_name,
        case when held_calls.call_key is null then 0 else 1 end as is_missing,
        usage_buckets.prompt_tokens + usage_buckets.completion_tokens as tokens,
        -- the meters of a bucket tell of the same requests
        case
            when
                row_number() over (
                    partition by
                        usage_buckets.source_name,
                        usage_buckets.billing_account_id,
                        usage_buckets.provider_as_sent,
                        usage_buckets.model_as_sent,
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
    left join {{ ref('int_held_calls') }} as held_calls
        on usage_buckets.call_key = held_calls.call_key
    left join {{ price_book('ai_providers') }} as providers
        on usage_buckets.provider = providers.provider
    where usage_buckets.is_billable

),

of_buckets as (

    select
        usage_month,
        service_provider_name,
        count(*) as buckets,
        sum(is_missing) as missing_buckets,
        sum(tokens) as bucket_tokens,
        sum(is_missing * tokens) as missing_bucket_tokens,
        sum(requests) as bucket_requests
    from buckets
    group by 1, 2

)

select
    coalesce(of_calls.usage_month, of_buckets.usage_month) as usage_month,
    coalesce(of_calls.service_provider_name, of_buckets.service_provider_name) as service_provider_name,
    {%- for column in call_counts[:-1] %}
    cast(coalesce(of_calls.{{ column }}, 0) as {{ whole_type() }}) as {{ column }},
    {%- endfor %}
    cast(of_calls.missing_stated_cost as {{ cost_type() }}) as missing_stated_cost,
    of_calls.stated_cost_currency,
    {%- for column in ['unknown_cost_calls', 'compared_calls', 'differing_calls'] %}
    cast(coalesce(of_calls.{{ column }}, 0) as {{ whole_type() }}) as {{ column }},
    {%- endfor %}
    cast(0 as {{ whole_type() }}) as unreadable_records,
    {%- for column in bucket_counts %}
    cast(coalesce(of_buckets.{{ column }}, 0) as {{ whole_type() }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from of_calls
full outer join of_buckets
    on
        of_calls.usage_month = of_buckets.usage_month
        and of_calls.service_provider_name = of_buckets.service_provider_name

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
    cast(0 as {{ whole_type() }}) as compared_calls,
    cast(0 as {{ whole_type() }}) as differing_calls,
    cast(sum(records) as {{ whole_type() }}) as unreadable_records,
    {%- for column in bucket_counts %}
    cast(0 as {{ whole_type() }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from unreadable_records
where source_name in ({{ sources }})
having count(*) > 0
