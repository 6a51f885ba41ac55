{{ config(materialized='table') }}

{#- One row per call that is held back by what is known now, with the gravest of its meters' reasons. -#}

select
    call_key,
    case min(
        case hold_reason
            when 'capacity_paid' then 1
            when 'billed_elsewhere' then 2
            when 'unknown_model' then 3
            when 'usage_missing' then 4
            when 'unknown_usage' then 5
            when 'cost_not_metered' then 6
            when 'no_price_for_meter' then 7
            when 'no_price_at_time' then 8
            when 'no_exchange_rate' then 9
        end
    )
        when 1 then 'capacity_paid'
        when 2 then 'billed_elsewhere'
        when 3 then 'unknown_model'
        when 4 then 'usage_missing'
        when 5 then 'unknown_usage'
        when 6 then 'cost_not_metered'
        when 7 then 'no_price_for_meter'
        when 8 then 'no_price_at_time'
        when 9 then 'no_exchange_rate'
    end as hold_reason
from {{ ref('int_unpriced_usage') }}
where is_current
group by call_key
