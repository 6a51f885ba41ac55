{#- One row per call, booking and meter with a quantity. The token meters of a call are disjoint and sum to
    its prompt and completion tokens. -#}

-- a model is counted by these meters while it has a price of them; when it has none any more, its reasoning is plain
-- output again and its searches are searches
with reasoning_prices as (

    select distinct
        prices_as_of,
        provider,
        model,
        service_tier,
        processing_mode,
        valid_from,
        valid_to
    from {{ ref('int_meter_prices') }}
    where meter = 'output_reasoning'

),

grounded_prompt_prices as (

    select distinct
        prices_as_of,
        provider,
        model,
        service_tier,
        processing_mode,
        valid_from,
        valid_to
    from {{ ref('int_meter_prices') }}
    where meter = 'grounded_prompt'

),

usage_of_calls as (

    select
        usage_of_calls.*,
        reasoning_prices.model is not null as is_reasoning_priced_apart,
        -- one prompt, however often it was searched for; of a sum of prompts their number is not known
        grounded_prompt_prices.model is not null and usage_of_calls.context_tokens is not null
            as is_search_priced_by_prompt
    from {{ ref('int_call_bookings') }} as usage_of_calls
    {%- for prices in ['reasoning_prices', 'grounded_prompt_prices'] %}
    left join {{ prices }}
        on
            usage_of_calls.prices_as_of = {{ prices }}.prices_as_of
            and usage_of_calls.provider = {{ prices }}.provider
            and usage_of_calls.model = {{ prices }}.model
            and usage_of_calls.service_tier = {{ prices }}.service_tier
            and usage_of_calls.processing_mode = {{ prices }}.processing_mode
            and usage_of_calls.charge_period_start >= {{ prices }}.valid_from
            and usage_of_calls.charge_period_start < {{ prices }}.valid_to
    {%- endfor %}

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
