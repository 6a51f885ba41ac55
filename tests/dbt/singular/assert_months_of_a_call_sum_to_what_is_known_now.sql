-- The promise of closed periods: a call's charges, summed over all months in which they are booked, are what
-- the call costs as it is known now, quantities and costs, meter by meter; nothing of it where it is held back.
with rebooked as (

    select distinct call_key from {{ ref('int_rebooked_calls') }}

),

held as (

    select distinct call_key
    from {{ ref('int_unpriced_usage') }}
    where is_current

),

known_now as (

    select
        usage_priced.call_key,
        usage_priced.meter,
        sum(usage_priced.consumed_quantity) as consumed_quantity,
        sum(usage_priced.list_cost) as list_cost,
        sum(usage_priced.contracted_cost) as billed_cost
    from {{ ref('int_usage_priced') }} as usage_priced
    inner join rebooked
        on usage_priced.call_key = rebooked.call_key
    left join held
        on usage_priced.call_key = held.call_key
    where
        usage_priced.is_current
        and not usage_priced.is_cache_hit
        and held.call_key is null
    group by usage_priced.call_key, usage_priced.meter

),

booked as (

    select
        charges.call_key,
        charges.meter,
        sum(charges.consumed_quantity) as consumed_quantity,
        sum(charges.list_cost) as list_cost,
        sum(charges.billed_cost) as billed_cost
    from {{ ref('int_charges') }} as charges
    inner join rebooked
        on charges.call_key = rebooked.call_key
    group by charges.call_key, charges.meter

)

select
    coalesce(booked.call_key, known_now.call_key) as call_key,
    coalesce(booked.meter, known_now.meter) as meter,
    booked.billed_cost as booked,
    known_now.billed_cost as known_now
from booked
full outer join known_now
    on
        booked.call_key = known_now.call_key
        and booked.meter = known_now.meter
where
    coalesce(booked.consumed_quantity, 0) <> coalesce(known_now.consumed_quantity, 0)
    or coalesce(booked.list_cost, 0) <> coalesce(known_now.list_cost, 0)
    or coalesce(booked.billed_cost, 0) <> coalesce(known_now.billed_cost, 0)
