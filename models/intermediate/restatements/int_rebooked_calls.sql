{{ config(materialized='table') }}

{#- One row per call and later booking with the booking that it takes the place of. To the later bookings come the
    months in which a call is known to have left: it has no usage there any more, and what was booked is turned
    round. -#}

with bookings as (

    select
        call_key,
        booking_number,
        booked_in
    from {{ ref('int_later_bookings') }}

    union distinct

    select
        deliveries.call_key,
        closings.booking_number,
        closings.booked_in
    from {{ ref('int_usage_deliveries') }} as deliveries
    inner join {{ ref('int_closings') }} as closings
        on
            deliveries.provider = closings.provider
            and {{ billing_period_start('deliveries.charge_period_start') }} = closings.billing_period_start
    where
        -- so that calls that came once are not read
        deliveries.moved_at is not null
        and deliveries.moved_at > closings.previous_known_at
        and deliveries.moved_at <= closings.known_at

)

select
    call_key,
    booking_number,
    booked_in,
    coalesce(lag(booking_number) over (partition by call_key order by booking_number), 0) as previous_booking
from bookings
