{{ config(materialized='table') }}

with exchange_rates as (

    select * from {{ raw('exchange_rates') }} as raw_rows

),

currencies as (

    select * from {{ ref('ai_currencies') }}

),

typed as (

    select
        exchange_rates.*,
        converted.currency_code as known_from_currency,
        billed.currency_code as known_to_currency,
        case
            when {{ matches('exchange_rates.rate_date', '[0-9]{4}-[0-9]{2}-[0-9]{2}') }}
                then {{ to_utc_timestamp('exchange_rates.rate_date') }}
        end as starts_at,
        -- 6 digits, so that a price times a rate fits the widest decimal
        case
            when {{ matches('exchange_rates.rate', '[0-9]{1,6}([.][0-9]{1,12}0*)?') }}
                then {{ try_price('exchange_rates.rate') }}
        end as exchange_rate,
        {{ to_utc_timestamp('exchange_rates.recorded_at') }} as recorded_at_instant
    from exchange_rates
    left join currencies as converted
        on upper(exchange_rates.from_currency) = converted.currency_code
    left join currencies as billed
        on upper(exchange_rates.to_currency) = billed.currency_code

),

checked as (

    select
        *,
        {{ first_fault([
            ['rate_date', 'rate_date', 'starts_at is null', 'is no day such as 2026-11-02'],
            ['from_currency', 'from_currency', 'known_from_currency is null', 'is no ISO 4217 currency code'],
            ['to_currency', 'to_currency', 'known_to_currency is null', 'is no ISO 4217 currency code'],
            ['to_currency', 'to_currency', 'known_from_currency = known_to_currency', 'is the same as from_currency'],
            ['rate', 'rate', 'exchange_rate is null',
             'is no number with at most 6 digits before the decimal point and 12 after it'],
            ['rate', 'rate', 'exchange_rate <= 0', 'is not above zero'],
            ['recorded_at', 'recorded_at', 'recorded_at is not null and recorded_at_instant is null',
             'is no date and time'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts(
            'exchange_rate', ['starts_at', 'known_from_currency', 'known_to_currency', 'recorded_at_instant']
        ) }} as is_contradicted
    from checked

)

select
    rate_date,
    from_currency,
    to_currency,
    rate,
    source,
    recorded_at,
    known_from_currency,
    known_to_currency,
    starts_at,
    exchange_rate,
    recorded_at_instant,
    {{ fault_or_contradiction('rate', 'is one of several rates of that day and pair') }},
    _file,
    _line
from compared
