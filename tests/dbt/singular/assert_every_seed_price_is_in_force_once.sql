{#- A list price of the seed is one price of the price book, unchanged, and of at least one meter, until a row with
    its key and first day replaces it: one recorded later, or on the same day under a later id. An own price is one too,
    and what it takes the place of is left out. -#}
with list_prices as (

    select
        *,
        case when price_origin = 'list_prices' then 1 else 0 end as is_own,
        row_number() over (
            partition by
                provider, model, meter, service_tier, processing_mode, context_tokens_gt, region_id, daily_window,
                weekdays, valid_from, case when price_origin = 'list_prices' then 1 else 0 end
            order by
                recorded_at desc, case when price_origin = 'price_book' then 0 else 1 end, price_id desc
        ) as replacements,
        max(case when price_origin = 'list_prices' then 1 else 0 end) over (
            partition by
                provider, model, meter, service_tier, processing_mode, region_id, daily_window, weekdays
        ) as has_own
    from {{ ref('stg_pricing__list_prices') }}

),

latest_snapshot as (

    select max(prices_as_of) as prices_as_of from {{ ref('int_price_snapshots') }}

),

dated as (

    select list_prices.*
    from {{ ref('int_list_prices') }} as list_prices
    inner join latest_snapshot
        on list_prices.prices_as_of = latest_snapshot.prices_as_of

),

meter_prices as (

    select meter_prices.*
    from {{ ref('int_meter_prices') }} as meter_prices
    inner join latest_snapshot
        on meter_prices.prices_as_of = latest_snapshot.prices_as_of

)

select list_prices.price_id
from list_prices
left join dated
    on list_prices.price_id = dated.price_id
where
    list_prices.replacements = 1
    and list_prices.is_own = list_prices.has_own
    -- what ends where it begins is withdrawn
    and coalesce(list_prices.valid_to <> coalesce(list_prices.valid_from, {{ begin_of_time() }}), true)
    and (
        dated.price_id is null
        or list_prices.unit_price is null
        or dated.unit_price <> list_prices.unit_price
        or not exists (
            select 1 from meter_prices
            where
                meter_prices.price_id = list_prices.price_id
                and meter_prices.unit_price = list_prices.unit_price
        )
    )

union all

-- what is replaced is in force no more
select list_prices.price_id
from list_prices
inner join dated
    on list_prices.price_id = dated.price_id
where
    list_prices.replacements > 1
    or list_prices.valid_to = coalesce(list_prices.valid_from, {{ begin_of_time() }})
