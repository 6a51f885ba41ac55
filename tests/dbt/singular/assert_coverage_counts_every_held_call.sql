{#- What coverage leaves unpriced is what is held back: calls and tokens. -#}
with of_coverage as (

    select
        coalesce(sum(calls - priced_calls), 0) as unpriced_calls,
        coalesce(sum(tokens - priced_tokens), 0) as unpriced_tokens
    from {{ ref('coverage') }}

),

of_calls as (

    select
        count(*) as unpriced_calls,
        coalesce(sum(calls.prompt_tokens + calls.completion_tokens), 0) as unpriced_tokens
    from {{ ref('int_usage') }} as calls
    inner join {{ ref('int_held_calls') }} as held_calls
        on calls.call_key = held_calls.call_key
    where not calls.is_cache_hit

)

select
    of_coverage.unpriced_calls,
    of_calls.unpriced_calls as held_calls,
    of_coverage.unpriced_tokens,
    of_calls.unpriced_tokens as held_tokens
from of_coverage
cross join of_calls
where
    of_coverage.unpriced_calls <> of_calls.unpriced_calls
    or of_coverage.unpriced_tokens <> of_calls.unpriced_tokens
