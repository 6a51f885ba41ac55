{#- One row per call, state of knowledge and meter with a quantity. The token meters of a call are disjoint and sum to
    its prompt and completion tokens. -#}

-- a model that has a price of these meters is counted by them from then on
with meters_apart as (

    select
        book_version,
        provider,
        model,
        service_tier,
        processing_mode,
        min(case when meter = 'output_reasoning' then valid_from end) as reasoning_from,
        min(case when meter = 'grounded_prompt' then valid_from end) as grounded_prompts_from
    from {{ ref('int_meter_prices') }}
    where meter in ('output_reasoning', 'grounded_prompt')
    group by 1, 2, 3, 4, 5

),

usage_of_calls as (

    select
        usage_of_calls.*,
        coalesce(usage_of_calls.charge_period_start >= meters_apart.reasoning_from, false) as is_reasoning_priced_apart,
        -- one prompt, however often it was searched for; of a sum of prompts their number is not known
        coalesce(
            usage_of_calls.charge_period_start >= meters_apart.grounded_prompts_from
            and usage_of_calls.context_tokens is not null,
            false
        ) as is_search_priced_by_prompt
    from {{ ref('int_usage_knowledge') }} as usage_of_calls
    left join meters_apart
        on
            usage_of_calls.book_version = meters_apart.book_version
            and usage_of_calls.provider = meters_apart.provider
            and usage_of_calls.model = meters_apart.model
            and usage_of_calls.service_tier = meters_apart.service_tier
            and usage_of_calls.processing_mode = meters_apart.processing_mode

),

meters as (

    select meter
    from {{ ref('meters') }}
    where
        meter in (
            'input', 'cache_read', 'cache_read_audio', 'cache_read_image', 'cache_write', 'cache_write_5m',
            'cache_write_1h', 'input_audio', 'input_image', 'output', 'output_reasoning', 'output_audio', 'web_search',
            'grounded_prompt', 'request'
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
            when 'cache_read' then cache_read_tokens - cache_read_audio_tokens - cache_read_image_tokens
            when 'cache_read_audio' then cache_read_audio_tokens
            when 'cache_read_image' then cache_read_image_tokens
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
            when 'web_search' then case when is_search_priced_by_prompt then 0 else web_search_requests end
            when 'grounded_prompt'
                then case when is_search_priced_by_prompt and web_search_requests > 0 then 1 else 0 end
            -- a call that cost without tokens (an image, speech), or more than they: no price, but not free
            when 'request'
                then
                    case
                        when
                            is_billable
                            and (
                                source_hold_reason is not null
                                or prompt_tokens + completion_tokens + web_search_requests = 0
                            )
                            then 1
                        else 0
                    end
        end as consumed_quantity
    from usage_of_calls
    cross join meters

)

select * from metered where consumed_quantity <> 0
