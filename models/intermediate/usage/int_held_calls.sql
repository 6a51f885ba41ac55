{{ config(materialized='table') }}

{#- One row per call that is held back by what is known now, with the gravest of its meters' reasons. -#}

select
    call_key,
    case min(
        case hold_reason
            when 'capacity_paid' then 1
            when 'unknown_model' then 2
            when 'usage_missing' then 3
            when 'cost_not_metered' then 4
            when 'no_price_for_meter' then 5
            when 'no_price_at_time' then 6
            when 'no_exchange_rate' then 7
        end
    )
        when 1 then 'capacity_paid'
        when 2 then 'unknown_model'
        when 3 then 'usage_missing'
        when 4 then 'cost_not_metered'
        when 5 then 'no_price_for_meter'
        when 6 then 'no_price_at_time'
        when 7 then 'no_exchange_rate'
    end as hold_reason
from {{ ref('int_unpriced_usage') }}
where is_current
group by call_key
