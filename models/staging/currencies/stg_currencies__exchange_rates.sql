with checked as (

    select * from {{ ref('stg_currencies__exchange_rates_checked') }}

)

-- a rate delivered twice counts once
select
    cast(starts_at as date) as exchange_rate_date,
    known_from_currency as from_currency,
    known_to_currency as to_currency,
    exchange_rate,
    min(source) as source,
    starts_at as valid_from,
    coalesce(recorded_at_instant, {{ begin_of_time() }}) as known_from
from checked
where
    fault_reason is null
    {%- if var('price_book_as_of') %}
    and coalesce(recorded_at_instant, {{ begin_of_time() }}) <= {{ price_book_as_of() }}
    {%- endif %}
group by starts_at, known_from_currency, known_to_currency, exchange_rate, recorded_at_instant
