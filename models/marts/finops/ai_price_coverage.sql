with charges as (

    select * from {{ ref('int_charges') }}

),

sku_prices as (

    select * from {{ ref('int_sku_prices') }}

),

summed as (

    select
        charges.billing_period_start,
        sku_prices.service_provider_name,
        charges.billing_currency,
        sku_prices.price_date_basis,
        charges.price_rule,
        count(*) as charges,
        sum(charges.list_cost) as list_cost,
        sum(charges.billed_cost) as billed_cost,
        sum(charges.effective_cost) as effective_cost,
        sum(case when charges.sub_account_id is not null then charges.effective_cost else 0 end) as allocated_cost
    from charges
    inner join sku_prices
        on charges.meter_price_id = sku_prices.meter_price_id
    group by 1, 2, 3, 4, 5

),

shared as (

    select
        *,
        sum(billed_cost) over (partition by billing_period_start, service_provider_name, billing_currency)
            as total_billed_cost,
        sum(effective_cost) over (partition by billing_period_start, service_provider_name, billing_currency)
            as total_effective_cost,
        sum(allocated_cost) over (partition by billing_period_start, service_provider_name, billing_currency)
            as total_allocated_cost
    from summed

),

of_bases as (

    select
        billing_currency,
        price_date_basis,
        sum(billed_cost) as basis_cost
    from summed
    group by 1, 2

),

of_currencies as (

    select
        *,
        sum(basis_cost) over (partition by billing_currency) as currency_cost,
        min(basis_cost) over (partition by billing_currency) as least_cost
    from of_bases

)

select
    shared.billing_period_start,
    shared.service_provider_name,
    shared.billing_currency,
    shared.price_date_basis,
    shared.price_rule,
    cast(shared.charges as {{ whole_type() }}) as charges,
    cast(shared.list_cost as {{ cost_type() }}) as list_cost,
    cast(shared.billed_cost as {{ cost_type() }}) as billed_cost,
    -- corrections may be credits, and a part of less than nothing or of more than all is no share
    case
        when shared.billed_cost between 0 and shared.total_billed_cost
            then {{ share_of('shared.billed_cost', 'shared.total_billed_cost') }}
    end as billed_cost_share,
    case
        when of_currencies.least_cost < 0 or of_currencies.currency_cost = 0 then null
        when of_currencies.basis_cost = of_currencies.currency_cost then cast(1 as {{ decimal_type(12, 9) }})
        -- all of it is said only where nothing is missing
        else least(
            {{ share_of('of_currencies.basis_cost', 'of_currencies.currency_cost', 9) }},
            cast('0.999999999' as {{ decimal_type(12, 9) }})
        )
    end as basis_cost_share,
    cast(shared.effective_cost as {{ cost_type() }}) as effective_cost,
    cast(shared.allocated_cost as {{ cost_type() }}) as allocated_cost,
    case
        when shared.total_effective_cost <= 0 then null
        when shared.total_allocated_cost < 0 then null
        when shared.total_allocated_cost > shared.total_effective_cost then null
        when shared.total_allocated_cost = shared.total_effective_cost
            then cast(1 as {{ decimal_type(9, 6) }})
        else least(
            {{ share_of('shared.total_allocated_cost', 'shared.total_effective_cost') }},
            cast('0.999999' as {{ decimal_type(9, 6) }})
        )
    end as allocated_cost_share
from shared
inner join of_currencies
    on
        shared.billing_currency = of_currencies.billing_currency
        and shared.price_date_basis = of_currencies.price_date_basis
