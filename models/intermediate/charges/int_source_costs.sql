{{ config(materialized='table') }}

{#- One row per priced call of which the source itself tells the cost: both costs in USD, as sources tell them,
    ours at list prices with all corrections. A call that is billed in another currency is compared by its
    prices, where they are in USD. -#}

with usage_of_calls as (

    select * from {{ ref('int_usage') }}
    where
        source_cost is not null
        and not is_cache_hit

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

charges as (

    select
        call_key,
        case
            when billing_currency = 'USD' then list_cost
            when pricing_currency = 'USD'
                then {{ multiply_price('pricing_currency_list_unit_price', 'pricing_quantity') }}
        end as usd_cost
    from {{ ref('int_charges') }}

),

charged as (

    select
        call_key,
        cast(sum(usd_cost) as {{ cost_type() }}) as list_cost
    from charges
    group by call_key
    having count(*) = count(usd_cost)

),

compared as (

    select
        usage_of_calls.call_key,
        usage_of_calls.call_id,
        usage_of_calls.billing_account_id,
        usage_of_calls.provider,
        usage_of_calls.model,
        usage_of_calls.charge_period_start,
        usage_of_calls.source_cost,
        charged.list_cost,
        abs(charged.list_cost - usage_of_calls.source_cost) as difference
    from usage_of_calls
    inner join charged
        on usage_of_calls.call_key = charged.call_key
    left join held_calls
        on usage_of_calls.call_key = held_calls.call_key
    where held_calls.call_key is null

)

select
    *,
    -- sources count in floats; of the smallest costs one part in a thousand is less than that
    difference > cast('0.000000001' as {{ cost_type() }}) or difference * 1000 > abs(source_cost) as is_different
from compared
