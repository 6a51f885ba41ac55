-- The promise of closed periods: a call's charges, summed over all months in which they are booked, are what
-- the call costs as it is known now, quantities and costs, meter by meter; nothing of it where it is held back.
with last_bookings as (

    select
        call_key,
        max(knowledge_sequence) as knowledge_sequence
    from {{ ref('int_repriced_calls') }}
    group by call_key

),

held as (

    select distinct
        unpriced_usage.call_key
    from {{ ref('int_unpriced_usage') }} as unpriced_usage
    inner join last_bookings
        on
            unpriced_usage.call_key = last_bookings.call_key
            and unpriced_usage.knowledge_sequence = last_bookings.knowledge_sequence

),

known_now as (

    select
        usage_priced.call_key,
        usage_priced.meter,
        sum(usage_priced.consumed_units) as consumed_quantity,
        sum({{ multiply_price('usage_priced.list_unit_price', 'usage_priced.pricing_quantity') }}) as list_cost,
        sum({{ multiply_price('usage_priced.contracted_unit_price', 'usage_priced.pricing_quantity') }})
            as billed_cost
    from {{ ref('int_usage_priced') }} as usage_priced
    inner join last_bookings
        on
            usage_priced.call_key = last_bookings.call_key
            and usage_priced.knowledge_sequence = last_bookings.knowledge_sequence
    left join held
        on usage_priced.call_key = held.call_key
    where
        not usage_priced.is_cache_hit
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
    inner join last_bookings
        on charges.call_key = last_bookings.call_key
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
