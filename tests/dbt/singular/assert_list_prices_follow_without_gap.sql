{#- A listed price of a region, of some hours or days, or of a long context holds until the next one of its key
    begins, and so does a factor: in a gap the price of all would take its place unseen. Without a price of all,
    usage is held back. Own prices end where their rows say, and what they take the place of is left out. -#}
with list_prices as (

    select
        price_id,
        price_rule,
        context_tokens_gt,
        region_id,
        daily_window,
        weekdays,
        valid_from,
        valid_to,
        lead(valid_from) over (
            partition by
                prices_as_of, provider, model, meter, service_tier, processing_mode, context_tokens_gt, region_id,
                daily_window, weekdays
            order by valid_from
        ) as next_valid_from
    from {{ ref('int_list_prices') }} as prices
    where not exists (
        select 1 from {{ ref('stg_pricing__list_prices') }} as own_prices
        where
            own_prices.price_origin = 'list_prices'
            and own_prices.provider = prices.provider
            and own_prices.model = prices.model
            and own_prices.meter = prices.meter
    )

),

multipliers as (

    select
        multiplier_id,
        valid_to,
        lead(valid_from) over (
            partition by
                provider, model, price_rule, region_id, service_tier, processing_mode, base_service_tier
            order by valid_from
        ) as next_valid_from
    from {{ ref('stg_pricing__price_multipliers') }}

)

select
    price_id,
    valid_to,
    next_valid_from
from list_prices
where
    valid_to < next_valid_from
    and price_rule = 'exact'
    and (context_tokens_gt > 0 or coalesce(region_id, daily_window, weekdays) is not null)

union all

select
    multiplier_id as price_id,
    valid_to,
    next_valid_from
from multipliers
where valid_to < next_valid_from
