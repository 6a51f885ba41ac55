{{ config(materialized='table') }}

{#- One row per call that is held back, with the gravest of its meters' reasons. -#}

with unpriced_usage as (

    select * from {{ ref('int_unpriced_usage') }}

)

select
    call_key,
    case min(
        case hold_reason
            when 'capacity_paid' then 1
            when 'unknown_model' then 2
            when 'no_price_for_meter' then 3
            when 'no_price_at_time' then 4
        end
    )
        when 1 then 'capacity_paid'
        when 2 then 'unknown_model'
        when 3 then 'no_price_for_meter'
        when 4 then 'no_price_at_time'
    end as hold_reason
from unpriced_usage
group by call_key
