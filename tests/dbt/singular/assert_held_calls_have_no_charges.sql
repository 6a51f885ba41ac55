{#- A call is priced whole or held back whole: no meter of a held call is charged, and what one was charged in a
    closed period, before its price was withdrawn, is taken back. -#}
select
    held_calls.call_key,
    held_calls.hold_reason
from {{ ref('int_held_calls') }} as held_calls
inner join {{ ref('int_charges') }} as charges
    on held_calls.call_key = charges.call_key
group by held_calls.call_key, held_calls.hold_reason
having
    sum(charges.list_cost) <> 0
    or sum(charges.billed_cost) <> 0
    or sum(charges.consumed_quantity) <> 0
