-- Of one charge of October the commitment pays 60 %, and the rest is paid as it is used; both are whole tokens.
with charges as (

    select * from {{ ref('int_charges__usage') }}

),

drawn as (

    select min(charges.charge_id) as charge_id
    from charges
    inner join {{ ref('int_sku_prices') }} as sku_prices
        on charges.meter_price_id = sku_prices.meter_price_id
    where
        sku_prices.provider = 'openai'
        and charges.billing_period_start = timestamp '2026-10-01 00:00:00'
        and charges.consumed_quantity % 5 = 0

),

shares as (

    select * from (values ('used', 0.6), ('rest', 0.4)) as shares(part, share)

),

split as (

    select charges.*
    from charges
    where charge_id not in (select charge_id from drawn)

    union all

    select
        charges.* replace (
            charges.charge_id || ':' || shares.part as charge_id,
            case when shares.part = 'used' then 'Committed' else charges.pricing_category end as pricing_category,
            case when shares.part = 'used' then 'oai-prepaid-2026' end as commitment_id,
            case when shares.part = 'used' then 'Used' end as commitment_status,
            case when shares.part = 'used' then charges.contracted_cost * shares.share end as commitment_quantity,
            charges.consumed_quantity * shares.share as consumed_quantity,
            charges.pricing_quantity * shares.share as pricing_quantity,
            charges.list_cost * shares.share as list_cost,
            charges.contracted_cost * shares.share as contracted_cost,
            case when shares.part = 'used' then 0 else charges.billed_cost * shares.share end as billed_cost,
            charges.effective_cost * shares.share as effective_cost
        )
    from charges
    inner join drawn
        on charges.charge_id = drawn.charge_id
    cross join shares

)

{{ select_charges('split', charge_columns() | list) }}
