{#- The calls that are held back are exactly those with a meter that has no price by what is known now: in the
    last state of knowledge in which they are priced. -#}
with priced_again as (

    select
        call_key,
        max(knowledge_sequence) as knowledge_sequence
    from {{ ref('int_repriced_calls') }}
    group by call_key

)

select distinct unpriced_usage.call_key
from {{ ref('int_unpriced_usage') }} as unpriced_usage
left join priced_again
    on unpriced_usage.call_key = priced_again.call_key
left join {{ ref('int_held_calls') }} as held_calls
    on unpriced_usage.call_key = held_calls.call_key
where
    unpriced_usage.knowledge_sequence = coalesce(priced_again.knowledge_sequence, 0)
    and held_calls.hold_reason is null

union all

select held_calls.call_key
from {{ ref('int_held_calls') }} as held_calls
where
    not exists (
        select 1 from {{ ref('int_unpriced_usage') }} as unpriced_usage
        where
            unpriced_usage.call_key = held_calls.call_key
            and unpriced_usage.knowledge_sequence = held_calls.knowledge_sequence
            and unpriced_usage.hold_reason = held_calls.hold_reason
    )
