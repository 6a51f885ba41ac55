{#- What a closed billing period was charged rests on prices and factors that were recorded when it was closed:
    whatever became known later is a correction of a later period. -#}
with charged_prices as (

    select distinct
        sku_prices.provider,
        sku_prices.price_id,
        charges.billing_period_start
    from {{ ref('int_charges') }} as charges
    inner join {{ ref('int_sku_prices') }} as sku_prices
        on charges.meter_price_id = sku_prices.meter_price_id
    where charges.charge_class is null

)

select
    charged_prices.provider,
    charged_prices.billing_period_start,
    charged_prices.price_id,
    list_prices.known_from,
    multipliers.known_from as factor_known_from,
    closings.known_at
from charged_prices
inner join {{ ref('int_closings') }} as closings
    on
        charged_prices.provider = closings.provider
        and charged_prices.billing_period_start = closings.billing_period_start
        and closings.booking_number = 0
-- a price that a factor made is named price*factor
left join {{ ref('stg_pricing__list_prices') }} as list_prices
    on {{ dbt.split_part('charged_prices.price_id', "'*'", 1) }} = list_prices.price_id
left join {{ ref('stg_pricing__price_multipliers') }} as multipliers
    on {{ dbt.split_part('charged_prices.price_id', "'*'", 2) }} = multipliers.multiplier_id
where
    list_prices.price_id is null
    or list_prices.known_from > closings.known_at
    or multipliers.known_from > closings.known_at
