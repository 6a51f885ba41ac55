{#- A list price of the seed is one price of the price book, unchanged, and of at least one meter. -#}
select list_prices.price_id
from {{ ref('stg_pricing__list_prices') }} as list_prices
left join {{ ref('int_list_prices') }} as dated
    on list_prices.price_id = dated.price_id
where
    dated.price_id is null
    or list_prices.unit_price is null
    or dated.unit_price <> list_prices.unit_price
    or not exists (
        select 1 from {{ ref('int_meter_prices') }} as meter_prices
        where
            meter_prices.price_id = list_prices.price_id
            and meter_prices.unit_price = list_prices.unit_price
    )
