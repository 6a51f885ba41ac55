{{ config(materialized='table') }}

{#- A rate holds from its day until the next rate of its pair, so that it covers weekends and holidays,
    but no longer than exchange_rate_days: a price is never converted at a stale rate. -#}

with exchange_rates as (

    select * from {{ ref('stg_currencies__exchange_rates') }}

),

followed as (

    select
        *,
        lead(valid_from) over (partition by from_currency, to_currency order by valid_from) as next_valid_from,
        cast({{ dbt.dateadd('day', var('exchange_rate_days') | int, 'valid_from') }} as {{ timestamp_type() }})
            as stale_from
    from exchange_rates

)

select
    from_currency,
    to_currency,
    exchange_rate,
    exchange_rate_date,
    source,
    valid_from,
    least(stale_from, coalesce(next_valid_from, stale_from)) as valid_to
from followed
