{{ config(materialized='table') }}

{#- A rate holds from its day until the next rate of its pair, so that it covers weekends and holidays,
    but no longer than exchange_rate_days: a price is never converted at a stale rate. Of two rates of one
    day the one recorded later counts, for those who know it. -#}

with price_snapshots as (

    select distinct prices_as_of from {{ ref('int_price_snapshots') }}

),

known as (

    select
        price_snapshots.prices_as_of,
        exchange_rates.*,
        row_number() over (
            partition by
                price_snapshots.prices_as_of,
                exchange_rates.from_currency,
                exchange_rates.to_currency,
                exchange_rates.valid_from
            order by exchange_rates.known_from desc
        ) as correction_rank
    from price_snapshots
    inner join {{ ref('stg_currencies__exchange_rates') }} as exchange_rates
        on price_snapshots.prices_as_of >= exchange_rates.known_from

),

followed as (

    select
        *,
        lead(valid_from) over (partition by prices_as_of, from_currency, to_currency order by valid_from)
            as next_valid_from,
        {{ later_by('day', var('exchange_rate_days'), 'valid_from') }} as stale_from
    from known
    where correction_rank = 1

)

select
    prices_as_of,
    from_currency,
    to_currency,
    exchange_rate,
    exchange_rate_date,
    source,
    valid_from,
    least(stale_from, coalesce(next_valid_from, stale_from)) as valid_to
from followed
