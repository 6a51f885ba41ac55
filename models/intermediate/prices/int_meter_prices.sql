{{ config(materialized='table') }}

with list_prices as (

    select * from {{ ref('int_list_prices') }}

),

meter_fallbacks as (

    select * from {{ ref('meter_fallbacks') }}

),

-- a price above a context threshold ends where the next threshold of its key begins
banded as (

    select
        price.price_id,
        price.provider,
        price.model,
        price.meter,
        price.unit_price,
        price.currency,
        price.service_tier,
        price.processing_mode,
        price.context_tokens_gt,
        price.region_id,
        price.region_scope,
        price.daily_window,
        price.daily_window_from,
        price.daily_window_to,
        price.valid_from,
        price.valid_to,
        price.price_date_basis,
        min(above.context_tokens_gt) as context_tokens_up_to
    from list_prices as price
    left join list_prices as above
        on
            price.provider = above.provider
            and price.model = above.model
            and price.meter = above.meter
            and price.service_tier = above.service_tier
            and price.processing_mode = above.processing_mode
            and coalesce(price.region_id, '') = coalesce(above.region_id, '')
            and coalesce(price.daily_window, '') = coalesce(above.daily_window, '')
            and price.context_tokens_gt < above.context_tokens_gt
            and price.valid_from < above.valid_to
            and price.valid_to > above.valid_from
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17

),

-- the fallback is chosen per SKU, not per call: a meter that has prices of its own never borrows
first_fallbacks as (

    select
        banded.provider,
        banded.model,
        banded.service_tier,
        banded.processing_mode,
        meter_fallbacks.meter,
        min(cast(meter_fallbacks.fallback_rank as {{ whole_type() }})) as fallback_rank
    from banded
    inner join meter_fallbacks
        on banded.meter = meter_fallbacks.price_meter
    group by 1, 2, 3, 4, 5

)

select
    banded.price_id || '#' || meter_fallbacks.meter as meter_price_id,
    banded.price_id,
    banded.provider,
    banded.model,
    meter_fallbacks.meter,
    banded.meter as price_meter,
    banded.unit_price,
    banded.currency,
    banded.service_tier,
    banded.processing_mode,
    banded.context_tokens_gt,
    coalesce(banded.context_tokens_up_to, {{ no_context_limit() }}) as context_tokens_up_to,
    banded.region_id,
    banded.region_scope,
    banded.daily_window,
    banded.daily_window_from,
    banded.daily_window_to,
    banded.valid_from,
    banded.valid_to,
    banded.price_date_basis,
    meter_fallbacks.price_rule
from banded
inner join meter_fallbacks
    on banded.meter = meter_fallbacks.price_meter
inner join first_fallbacks
    on
        banded.provider = first_fallbacks.provider
        and banded.model = first_fallbacks.model
        and banded.service_tier = first_fallbacks.service_tier
        and banded.processing_mode = first_fallbacks.processing_mode
        and meter_fallbacks.meter = first_fallbacks.meter
        and cast(meter_fallbacks.fallback_rank as {{ whole_type() }}) = first_fallbacks.fallback_rank
