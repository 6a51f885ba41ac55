{{ config(materialized='table') }}

{#- One row per billing month, source and provider that delivered in it: usage of the month, or what is
    booked in it of an earlier one that is closed. -#}

with source_days as (

    select * from {{ ref('int_source_days') }}

),

-- hardly ever one
corrected_calls as (

    select distinct
        call_key,
        billing_period_start
    from {{ ref('int_charges') }}
    where charge_class = 'Correction'

),

deliveries as (

    select * from {{ ref('int_usage_deliveries') }}

),

used as (

    select
        {{ billing_period_start('usage_day') }} as billing_period_start,
        source_name,
        provider,
        last_record_at
    from source_days

    union all

    select
        corrected_calls.billing_period_start,
        deliveries.source_name,
        deliveries.provider,
        cast(null as {{ timestamp_type() }}) as last_record_at
    from corrected_calls
    inner join deliveries
        on corrected_calls.call_key = deliveries.call_key

)

select
    billing_period_start,
    source_name,
    provider,
    max(last_record_at) as last_record_at
from used
group by 1, 2, 3
