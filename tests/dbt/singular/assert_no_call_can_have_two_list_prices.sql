{#- No instant, context length and hour of the day fits two prices of one meter, so that the join that
    chooses a price never gives a call two. Regions don't tell prices apart here: a call that names none
    would fit them all. An hourly price and an all-day one may coincide: they are joined apart, and the
    hourly one goes first. -#}
with meter_prices as (

    select * from {{ ref('int_meter_prices') }}

)

select
    one.meter_price_id,
    other.meter_price_id as other_meter_price_id
from meter_prices as one
inner join meter_prices as other
    on
        one.provider = other.provider
        and one.model = other.model
        and one.meter = other.meter
        and one.service_tier = other.service_tier
        and one.processing_mode = other.processing_mode
        and one.price_id < other.price_id
        and one.context_tokens_gt < other.context_tokens_up_to
        and other.context_tokens_gt < one.context_tokens_up_to
        and one.valid_from < other.valid_to
        and other.valid_from < one.valid_to
where
    (one.daily_window is null and other.daily_window is null)
    or (
        one.daily_window_from < other.daily_window_to
        and other.daily_window_from < one.daily_window_to
    )
