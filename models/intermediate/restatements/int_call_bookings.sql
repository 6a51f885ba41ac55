{#- One row per call and month in which it is booked: its own, with what was known when that was closed (with
    everything, while it is open), and each later one in which the call, its prices or its name became known or became
    others. is_current marks what counts now. The department is the one that pays by the rules that were known then. -#}

with first_closings as (

    select * from {{ ref('int_closings') }} where booking_number = 0

),

latest_snapshot as (

    select max(prices_as_of) as prices_as_of from {{ ref('int_price_snapshots') }}

),

older_names as (

    select * from {{ ref('int_model_names') }} where not is_latest

),

last_bookings as (

    select
        call_key,
        max(booking_number) as booking_number
    from {{ ref('int_rebooked_calls') }}
    group by call_key

)

select
    {{ allocated('deliveries') }},
    {{ known_model(
        'deliveries', 'coalesce(first_closings.prices_as_of, latest_snapshot.prices_as_of)', 'older_names'
    ) }} as model,
    0 as booking_number,
    coalesce(first_closings.booked_in, {{ billing_period_start('deliveries.charge_period_start') }}) as booked_in,
    coalesce(first_closings.prices_as_of, latest_snapshot.prices_as_of) as prices_as_of,
    last_bookings.call_key is null as is_current
from {{ ref('int_usage_deliveries') }} as deliveries
{{ join_one_row('latest_snapshot') }}
left join first_closings
    on
        deliveries.provider = first_closings.provider
        and {{ billing_period_start('deliveries.charge_period_start') }} = first_closings.billing_period_start
left join older_names
    on {{ name_fits('deliveries', 'first_closings.prices_as_of', 'older_names') | indent(8) }}
left join last_bookings
    on deliveries.call_key = last_bookings.call_key
{{- join_allocation_values('deliveries') }}
{{ join_allocations(
    'coalesce(first_closings.prices_as_of, latest_snapshot.prices_as_of)', 'deliveries.started_at'
) }}
where {{ counts_at('deliveries', 'coalesce(first_closings.known_at, ' ~ end_of_time() ~ ')') }}

union all

select
    later_bookings.*,
    later_bookings.booking_number = last_bookings.booking_number as is_current
from {{ ref('int_later_bookings') }} as later_bookings
inner join last_bookings
    on later_bookings.call_key = last_bookings.call_key
