{#- One row per call, state of knowledge and meter with a quantity. The token meters of a call are disjoint and sum to
    its prompt and completion tokens. -#}

with reasoning_prices as (

    select
        book_version,
        provider,
        model,
        service_tier,
        processing_mode,
        min(valid_from) as valid_from
    from {{ ref('int_meter_prices') }}
    where meter = 'output_reasoning'
    group by 1, 2, 3, 4, 5

),

usage_of_calls as (

    select
        usage_of_calls.*,
        reasoning_prices.model is not null as is_reasoning_priced_apart
    from {{ ref('int_usage_knowledge') }} as usage_of_calls
    left join reasoning_prices
        on
            usage_of_calls.book_version = reasoning_prices.book_version
            and usage_of_calls.provider = reasoning_prices.provider
            and usage_of_calls.model = reasoning_prices.model
            and usage_of_calls.service_tier = reasoning_prices.service_tier
            and usage_of_calls.processing_mode = reasoning_prices.processing_mode
            and usage_of_calls.charge_period_start >= reasoning_prices.valid_from

),

meters as (

    select meter
    from {{ ref('meters') }}
    where
        meter in (
            'input', 'cache_read', 'cache_write', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image',
            'output', 'output_reasoning', 'output_audio', 'web_search', 'request'
        )

),

metered as (

    select
        usage_of_calls.*,
        meters.meter,
        case meters.meter
            when 'input'
                then
                    prompt_tokens - cache_read_tokens - cache_write_tokens - cache_write_5m_tokens
                    - cache_write_1h_tokens - input_audio_tokens - input_image_tokens
            when 'cache_read' then cache_read_tokens
            when 'cache_write' then cache_write_tokens
            when 'cache_write_5m' then cache_write_5m_tokens
            when 'cache_write_1h' then cache_write_1h_tokens
            when 'input_audio' then input_audio_tokens
            when 'input_image' then input_image_tokens
            when 'output'
                then
                    completion_tokens - output_audio_tokens
                    - case when is_reasoning_priced_apart then reasoning_tokens else 0 end
            when 'output_reasoning' then case when is_reasoning_priced_apart then reasoning_tokens else 0 end
            when 'output_audio' then output_audio_tokens
            when 'web_search' then web_search_requests
            -- a call that cost without tokens (an image, speech, a tool): no price, but not free
            when 'request'
                then
                    case
                        when is_billable and prompt_tokens + completion_tokens + web_search_requests = 0 then 1
                        else 0
                    end
        end as consumed_quantity
    from usage_of_calls
    cross join meters

)

select * from metered where consumed_quantity <> 0
