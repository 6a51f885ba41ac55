{{ config(materialized='table') }}

{#- One row per provider, closed billing period and period in which it can be booked: first the period
    itself, with what was known when it closed, then each closed period after it, and last the first
    open one, which knows everything. What is known never shrinks. -#}

with closed_periods as (

    select
        invoice_issuer_name,
        billing_period_start,
        closed_at,
        period_number,
        period_number - row_number() over (
            partition by invoice_issuer_name
            order by period_number
        ) as run_of_periods
    from {{ ref('stg_billing__billing_periods') }}

),

booked as (

    select
        period.invoice_issuer_name,
        period.billing_period_start,
        booking.billing_period_start as booked_in,
        booking.period_number - period.period_number as booking_number,
        max(booking.closed_at) over (
            partition by period.invoice_issuer_name, period.period_number
            order by booking.period_number
            rows between unbounded preceding and current row
        ) as known_at
    from closed_periods as period
    inner join closed_periods as booking
        on
            period.invoice_issuer_name = booking.invoice_issuer_name
            and period.run_of_periods = booking.run_of_periods
            and period.period_number <= booking.period_number

    union all

    select
        period.invoice_issuer_name,
        period.billing_period_start,
        {{ billing_period_end('max(booking.billing_period_start)') }} as booked_in,
        max(booking.period_number) - period.period_number + 1 as booking_number,
        {{ end_of_time() }} as known_at
    from closed_periods as period
    inner join closed_periods as booking
        on
            period.invoice_issuer_name = booking.invoice_issuer_name
            and period.run_of_periods = booking.run_of_periods
    group by period.invoice_issuer_name, period.billing_period_start, period.period_number

),

with_prices as (

    select
        booked.*,
        price_snapshots.prices_as_of
    from booked
    inner join {{ ref('int_price_snapshots') }} as price_snapshots
        on booked.known_at = price_snapshots.known_at

),

providers as (

    select provider, invoice_issuer_name from {{ ref('stg_pricing__providers') }}

)

select
    providers.provider,
    with_prices.billing_period_start,
    with_prices.booking_number,
    with_prices.booked_in,
    with_prices.known_at,
    with_prices.prices_as_of,
    lag(with_prices.known_at) over (
        partition by providers.provider, with_prices.billing_period_start
        order by with_prices.booking_number
    ) as previous_known_at,
    lag(with_prices.prices_as_of) over (
        partition by providers.provider, with_prices.billing_period_start
        order by with_prices.booking_number
    ) as previous_prices_as_of
from with_prices
inner join providers
    on with_prices.invoice_issuer_name = providers.invoice_issuer_name
