{#- Every list price has its provider, model and meter in the reference tables, and so every price of a
    meter has its SKU: the catalogue is joined inside, and a missing entry would lose charges. -#}
select
    list_prices.price_id,
    case
        when providers.provider is null then 'provider'
        when models.model is null then 'model'
        when meters.meter is null then 'meter'
    end as missing
from {{ ref('stg_pricing__list_prices') }} as list_prices
left join {{ ref('stg_pricing__providers') }} as providers
    on list_prices.provider = providers.provider
left join {{ ref('stg_pricing__models') }} as models
    on
        list_prices.provider = models.provider
        and list_prices.model = models.model
left join {{ ref('ai_meters') }} as meters
    on list_prices.meter = meters.meter
where
    providers.provider is null
    or models.model is null
    or meters.meter is null

union all

select
    meter_prices.meter_price_id as price_id,
    'sku' as missing
from {{ ref('int_meter_prices') }} as meter_prices
left join {{ ref('int_sku_prices') }} as sku_prices
    on meter_prices.meter_price_id = sku_prices.meter_price_id
where sku_prices.meter_price_id is null
