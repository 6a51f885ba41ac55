{{ config(materialized='table') }}

{#- The rate of each day, so that usage finds its rate by an equal day: a search in stretches of time
    would compare every charge with every rate. -#}

with exchange_rates as (

    select * from {{ ref('int_exchange_rates') }}

),

day_numbers as (

    {%- for day_number in range(var('exchange_rate_days') | int) %}
    {{ 'union all' if not loop.first }}
    select {{ day_number }} as day_number
    {%- endfor %}

),

days as (

    select
        exchange_rates.*,
        {{ later_by('day', 'day_numbers.day_number', 'exchange_rates.valid_from') }} as starts_at
    from exchange_rates
    cross join day_numbers

)

select
    prices_as_of,
    from_currency,
    to_currency,
    cast(starts_at as date) as rate_day,
    exchange_rate
from days
where starts_at < valid_to
