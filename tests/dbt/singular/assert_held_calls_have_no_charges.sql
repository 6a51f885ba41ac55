{#- A call is priced whole or held back whole: no meter of a held call is charged, and the call says why
    it was held. -#}
select
    held_calls.call_key,
    held_calls.hold_reason,
    'charged' as broken_promise
from {{ ref('int_held_calls') }} as held_calls
where exists (select 1 from {{ ref('int_charges') }} as charges where charges.call_key = held_calls.call_key)

union all

select
    held_calls.call_key,
    held_calls.hold_reason,
    'not marked in ai_calls' as broken_promise
from {{ ref('int_held_calls') }} as held_calls
left join {{ ref('ai_calls') }} as calls
    on held_calls.call_key = calls.call_key
where
    calls.call_key is null
    or (not calls.is_cache_hit and coalesce(calls.hold_reason, '') <> held_calls.hold_reason)
    or (not calls.is_cache_hit and calls.billed_cost is not null)
