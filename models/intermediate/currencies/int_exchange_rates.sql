{{ config(materialized='table') }}

{#- A rate holds from its day until the next rate of its pair, so that it covers weekends and holidays,
    but no longer than exchange_rate_days: a price is never converted at a stale rate. Of two rates of one
    day the one recorded later counts, for those who know it. -#}

with book_versions as (

    select distinct book_version from {{ ref('int_book_versions') }}

),

known as (

    select
        book_versions.book_version,
        exchange_rates.*,
        row_number() over (
            partition by
                book_versions.book_version,
                exchange_rates.from_currency,
                exchange_rates.to_currency,
                exchange_rates.valid_from
            order by exchange_rates.known_from desc
        ) as correction_rank
    from book_versions
    inner join {{ ref('stg_currencies__exchange_rates') }} as exchange_rates
        on book_versions.book_version >= exchange_rates.known_from

),

followed as (

    select
        *,
        lead(valid_from) over (partition by book_version, from_currency, to_currency order by valid_from)
            as next_valid_from,
        {{ later_by('day', var('exchange_rate_days'), 'valid_from') }} as stale_from
    from known
    where correction_rank = 1

)

select
    book_version,
    from_currency,
    to_currency,
    exchange_rate,
    exchange_rate_date,
    source,
    valid_from,
    least(stale_from, coalesce(next_valid_from, stale_from)) as valid_to
from followed
