{#- The calls that are held back are exactly those with a meter that has no price by what is known now: in their last
    booking. -#}
select distinct unpriced_usage.call_key
from {{ ref('int_unpriced_usage') }} as unpriced_usage
left join {{ ref('int_held_calls') }} as held_calls
    on unpriced_usage.call_key = held_calls.call_key
where
    unpriced_usage.is_current
    and held_calls.hold_reason is null

union all

select held_calls.call_key
from {{ ref('int_held_calls') }} as held_calls
where
    not exists (
        select 1 from {{ ref('int_unpriced_usage') }} as unpriced_usage
        where
            unpriced_usage.call_key = held_calls.call_key
            and unpriced_usage.is_current
            and unpriced_usage.hold_reason = held_calls.hold_reason
    )
