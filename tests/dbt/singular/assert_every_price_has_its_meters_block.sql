{#- A list price buys the pricing block of its meter: 1,000,000 tokens, 1,000 requests. A price by another block
    would be wrong by its ratio. -#}
select
    list_prices.price_id,
    list_prices.pricing_block,
    meters.pricing_block as meters_pricing_block
from {{ ref('stg_pricing__list_prices') }} as list_prices
inner join {{ ref('ai_meters') }} as meters
    on list_prices.meter = meters.meter
where
    list_prices.pricing_block is null
    or list_prices.pricing_block <> cast(meters.pricing_block as {{ whole_type() }})
