with charges as (

    select * from {{ ref('int_charges') }}

),

sku_prices as (

    select * from {{ ref('int_sku_prices') }}

),

priced_charges as (

    select
        charges.billing_account_id,
        charges.contract_price_id,
        sku_prices.provider,
        sku_prices.model,
        sku_prices.meter,
        sku_prices.sku_price_id,
        sku_prices.price_id,
        charges.billing_currency,
        charges.charge_period_start,
        -- an exchange rate of each day would make a price of each day
        coalesce(charges.pricing_currency, charges.billing_currency) as pricing_currency,
        coalesce(charges.pricing_currency_list_unit_price, charges.list_unit_price) as list_unit_price,
        coalesce(charges.pricing_currency_contracted_unit_price, charges.contracted_unit_price)
            as contracted_unit_price,
        charges.list_cost,
        charges.contracted_cost,
        charges.price_rule,
        -- with its reversal a charge is none any more: what was corrected is no finding
        case when charges.correction_kind = 'reversal' then -1 else 1 end as standing
    from charges
    inner join sku_prices
        on charges.meter_price_id = sku_prices.meter_price_id

),

contracted_above_list as (

    select
        'contracted_above_list' as finding_type,
        billing_account_id,
        contract_price_id,
        provider,
        model,
        meter,
        sku_price_id,
        price_id,
        billing_currency,
        pricing_currency,
        list_unit_price,
        contracted_unit_price,
        sum(standing) as charges,
        min(charge_period_start) as first_charge_period_start,
        max(charge_period_start) as last_charge_period_start,
        sum(list_cost) as list_cost,
        sum(contracted_cost) as contracted_cost,
        sum(contracted_cost - list_cost) as cost_above_list
    from priced_charges
    where contracted_unit_price > list_unit_price
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
    having sum(standing) > 0

),

assumed_prices as (

    select
        price_rule as finding_type,
        billing_account_id,
        {{ null_text() }} as contract_price_id,
        provider,
        model,
        meter,
        sku_price_id,
        price_id,
        billing_currency,
        pricing_currency,
        max(list_unit_price) as list_unit_price,
        cast(null as {{ price_type() }}) as contracted_unit_price,
        sum(standing) as charges,
        min(charge_period_start) as first_charge_period_start,
        max(charge_period_start) as last_charge_period_start,
        sum(list_cost) as list_cost,
        sum(contracted_cost) as contracted_cost,
        cast(null as {{ cost_type() }}) as cost_above_list
    from priced_charges
    -- that reasoning costs what output does assumes nothing, and a stated amount is its own price
    where price_rule not in ('exact', 'output_price', 'stated')
    group by 1, 2, 4, 5, 6, 7, 8, 9, 10
    having sum(standing) > 0

),

findings as (

    select * from contracted_above_list
    union all
    select * from assumed_prices

)

select
    cast(finding_type as {{ text_type() }}) as finding_type,
    billing_account_id,
    contract_price_id,
    provider,
    model,
    meter,
    sku_price_id,
    price_id,
    billing_currency,
    pricing_currency,
    cast(list_unit_price as {{ price_type() }}) as list_unit_price,
    cast(contracted_unit_price as {{ price_type() }}) as contracted_unit_price,
    cast(charges as {{ whole_type() }}) as charges,
    first_charge_period_start,
    last_charge_period_start,
    cast(list_cost as {{ cost_type() }}) as list_cost,
    cast(contracted_cost as {{ cost_type() }}) as contracted_cost,
    cast(cost_above_list as {{ cost_type() }}) as cost_above_list
from findings
