with charges as (

    select * from {{ ref('int_charges') }}

),

sku_prices as (

    select * from {{ ref('int_sku_prices') }}

),

summed as (

    select
        charges.billing_period_start,
        sku_prices.service_provider_name as provider,
        charges.billing_currency,
        sku_prices.price_date_basis,
        charges.price_rule,
        count(*) as charges,
        sum(charges.list_cost) as list_cost,
        sum(charges.billed_cost) as billed_cost
    from charges
    inner join sku_prices
        on charges.meter_price_id = sku_prices.meter_price_id
    group by 1, 2, 3, 4, 5

),

shared as (

    select
        *,
        sum(billed_cost) over (partition by billing_period_start, provider, billing_currency) as total_billed_cost
    from summed

)

select
    billing_period_start,
    provider,
    billing_currency,
    price_date_basis,
    price_rule,
    cast(charges as {{ whole_type() }}) as charges,
    cast(list_cost as {{ cost_type() }}) as list_cost,
    cast(billed_cost as {{ cost_type() }}) as billed_cost,
    -- corrections may be credits, and a part of less than nothing or of more than all is no share
    case when billed_cost between 0 and total_billed_cost then {{ share_of('billed_cost', 'total_billed_cost') }} end
        as billed_cost_share
from shared
