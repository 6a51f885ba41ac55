{#- A call is priced whole or held back whole: no meter of a held call is charged. -#}
select
    held_calls.call_key,
    held_calls.hold_reason
from {{ ref('int_held_calls') }} as held_calls
where exists (select 1 from {{ ref('int_charges') }} as charges where charges.call_key = held_calls.call_key)
