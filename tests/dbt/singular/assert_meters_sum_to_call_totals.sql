{#- A call that is priced is charged for each of its tokens and searches once, corrections included, and for
    nothing else: its meters sum to its own counts. A call that is held back, or that the gateway's cache
    answered, has no charge, and of one that left for another month, provider or account no token is left. A bucket
    is charged for its quantity, and a call that costs what its log states for nothing else. All that is compared per
    call is compared here, so that calls and charges are read once. -#}
with meters as (

    select
        meter,
        consumed_unit,
        case when consumed_unit = 'Tokens' then token_direction end as token_direction,
        case when consumed_unit = 'Tokens' then token_cache_action end as token_cache_action
    from {{ ref('ai_meters') }}

),

charged as (

    select
        charges.call_key,
        sum(case when meters.token_direction = 'Input' then charges.consumed_quantity else 0 end) as input_tokens,
        sum(case when meters.token_direction = 'Output' then charges.consumed_quantity else 0 end) as output_tokens,
        sum(case when meters.token_cache_action = 'Read' then charges.consumed_quantity else 0 end)
            as cache_read_tokens,
        sum(case when meters.token_cache_action = 'Write' then charges.consumed_quantity else 0 end)
            as cache_write_tokens,
        sum(case when meters.consumed_unit = 'Requests' then charges.consumed_quantity else 0 end) as requests,
        sum(
            case
                when meters.consumed_unit in ('Tokens', 'Requests', 'Prompts', 'Amounts') then 0
                else charges.consumed_quantity
            end
        ) as units,
        sum(case when charges.meter = 'grounded_prompt' then charges.consumed_quantity else 0 end) as grounded_prompts,
        sum(case when charges.meter = 'stated_call' then charges.consumed_quantity else 0 end) as stated_calls,
        sum(charges.consumed_quantity) as consumed_quantity
    from {{ ref('int_charges') }} as charges
    left join meters
        on charges.meter = meters.meter
    where charges.call_key is not null
    group by charges.call_key

),

compared as (

    select
        coalesce(calls.call_key, charged.call_key) as call_key,
        case
            when
                (calls.call_key is null or calls.is_cache_hit or held_calls.call_key is not null)
                and (charged.input_tokens <> 0 or charged.output_tokens <> 0 or charged.requests <> 0
                    or charged.units <> 0 or charged.grounded_prompts <> 0)
                then 'charged, but no call, answered from the cache or held back'
            when calls.call_key is null or calls.is_cache_hit or held_calls.call_key is not null then null
            when charged.stated_calls <> 0
                then
                    case
                        when
                            charged.input_tokens <> 0 or charged.output_tokens <> 0 or charged.requests <> 0
                            or charged.units <> 0 or charged.grounded_prompts <> 0
                            then 'charged beside what its log states for the whole'
                    end
            when coalesce(charged.input_tokens, 0) <> calls.prompt_tokens then 'input tokens differ'
            when coalesce(charged.output_tokens, 0) <> calls.completion_tokens then 'output tokens differ'
            when coalesce(charged.cache_read_tokens, 0) <> calls.cache_read_tokens then 'cache read tokens differ'
            when
                coalesce(charged.cache_write_tokens, 0)
                <> calls.cache_write_tokens + calls.cache_write_5m_tokens + calls.cache_write_1h_tokens
                + calls.cache_write_12h_tokens
                then 'cache write tokens differ'
            when coalesce(charged.units, 0) <> calls.{{ unit_columns() | join(' + calls.') }}
                then 'images, pages, characters, seconds or queries differ'
            -- each search, or the prompt that they were for
            when
                coalesce(charged.grounded_prompts, 0) = 0
                and coalesce(charged.requests, 0) <> calls.web_search_requests
                then 'web searches differ'
            when
                charged.grounded_prompts <> 0
                and (charged.grounded_prompts <> 1 or charged.requests <> 0 or calls.web_search_requests = 0)
                then 'grounded prompts differ'
        end as broken_promise
    from {{ ref('int_usage') }} as calls
    full outer join charged
        on calls.call_key = charged.call_key
    left join {{ ref('int_usage_deliveries') }} as buckets
        on
            charged.call_key = buckets.call_key
            and buckets.record_grain = 'bucket'
    left join {{ ref('int_held_calls') }} as held_calls
        on calls.call_key = held_calls.call_key
    where buckets.call_key is null

    union all

    select
        buckets.call_key,
        case
            when
                coalesce(charged.consumed_quantity, 0)
                <> case when held_calls.call_key is null then buckets.bucket_quantity else 0 end
                then 'quantity of a bucket differs'
        end as broken_promise
    from {{ ref('int_usage_buckets') }} as buckets
    left join charged
        on buckets.call_key = charged.call_key
    left join {{ ref('int_held_calls') }} as held_calls
        on buckets.call_key = held_calls.call_key
    where buckets.bucket_meter is not null

)

select * from compared
where broken_promise is not null
