{#- One row per call, booking and meter with a quantity. What a meter counts stands in the seed ai_meters. The
    token meters of a call are disjoint and sum to its prompt and completion tokens. -#}
{%- set meters_of_calls = usage_meters() %}

-- a model is counted by the prompt while it has a price of it; when it has none any more, its searches are searches
with grounded_prompt_prices as (

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
        -- one prompt, however often it was searched for; of a sum of prompts their number is not known
        grounded_prompt_prices.model is not null and usage_of_calls.context_tokens is not null
            as is_search_priced_by_prompt
    from {{ ref('int_call_bookings') }} as usage_of_calls
    left join grounded_prompt_prices
        on
            usage_of_calls.prices_as_of = grounded_prompt_prices.prices_as_of
            and usage_of_calls.provider = grounded_prompt_prices.provider
            and usage_of_calls.model = grounded_prompt_prices.model
            and usage_of_calls.service_tier = grounded_prompt_prices.service_tier
            and usage_of_calls.processing_mode = grounded_prompt_prices.processing_mode
            and usage_of_calls.charge_period_start >= grounded_prompt_prices.valid_from
            and usage_of_calls.charge_period_start < grounded_prompt_prices.valid_to

),

counted as (

    select
        *,
        case when is_search_priced_by_prompt then 0 else web_search_requests end as web_searches,
        case when is_search_priced_by_prompt and web_search_requests > 0 then 1 else 0 end as grounded_prompts,
        -- a call that cost without tokens (an image, speech), or more than they: no price, but not free
        case
            when
                is_billable
                and (
                    source_hold_reason is not null
                    or {{ counted_usage('usage_of_calls') }} = 0
                )
                then 1
            else 0
        end as unmetered_requests
    from usage_of_calls

),

meters as (

    select meter
    from {{ ref('ai_meters') }}
    where counted_in <> ''

    union all

    -- a bucket says itself what it counts
    select {{ null_text() }} as meter

),

metered as (

    select
        counted.*,
        coalesce(counted.bucket_meter, meters.meter) as meter,
        case
            when counted.bucket_meter is not null
                then case when meters.meter is null then counted.bucket_quantity end
            else
                case meters.meter
                    {%- for meter in meters_of_calls %}
                    when '{{ meter.meter }}' then {{ usage_quantity(meter) }}
                    {%- endfor %}
                end
        end as consumed_quantity,
        case meters.meter
            {%- for meter in meters_of_calls if meter.counted_after %}
            when '{{ meter.meter }}'
                then {{ usage_quantity(meters_of_calls | selectattr('meter', 'equalto', meter.counted_after) | first) }}
            {%- endfor %}
            else 0
        end as preceding_quantity
    from counted
    cross join meters

)

select * from metered where consumed_quantity <> 0
