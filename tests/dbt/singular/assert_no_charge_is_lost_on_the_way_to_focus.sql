{#- FOCUS rows get their names from the SKU of their price; a charge without one would vanish. -#}
select
    charges.meter_price_id,
    count(*) as lost_charges
from {{ ref('int_charges') }} as charges
left join {{ ref('int_sku_prices') }} as sku_prices
    on charges.meter_price_id = sku_prices.meter_price_id
where sku_prices.meter_price_id is null
group by charges.meter_price_id
