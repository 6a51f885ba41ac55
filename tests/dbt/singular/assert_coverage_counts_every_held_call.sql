{#- What coverage leaves unpriced is what is held back: calls, tokens, and what sources say they cost. -#}
with of_coverage as (

    select
        coalesce(sum(calls - priced_calls), 0) as unpriced_calls,
        coalesce(sum(missing_calls), 0) as missing_calls,
        coalesce(sum(tokens - priced_tokens), 0) as unpriced_tokens,
        coalesce(sum(missing_tokens), 0) as missing_tokens,
        coalesce(sum(missing_stated_cost), 0) as stated_cost,
        coalesce(sum(unknown_cost_calls), 0) as unknown_calls,
        coalesce(sum(missing_buckets), 0) as missing_buckets
    from {{ ref('ai_coverage') }}

),

of_calls as (

    select
        count(*) as unpriced_calls,
        coalesce(sum(calls.prompt_tokens + calls.completion_tokens), 0) as unpriced_tokens,
        coalesce(sum(calls.source_cost), 0) as stated_cost,
        count(*) - count(nullif(calls.source_cost, 0)) as unknown_calls
    from {{ ref('int_usage') }} as calls
    inner join {{ ref('int_held_calls') }} as held_calls
        on calls.call_key = held_calls.call_key
    where not calls.is_cache_hit

),

of_buckets as (

    select count(*) as held_buckets
    from {{ ref('int_usage_buckets') }} as buckets
    inner join {{ ref('int_held_calls') }} as held_calls
        on buckets.call_key = held_calls.call_key

)

select
    of_coverage.unpriced_calls,
    of_coverage.missing_calls,
    of_calls.unpriced_calls as held_calls,
    of_coverage.unpriced_tokens,
    of_coverage.missing_tokens,
    of_calls.unpriced_tokens as held_tokens,
    of_coverage.stated_cost,
    of_calls.stated_cost as held_stated_cost,
    of_coverage.unknown_calls,
    of_calls.unknown_calls as held_unknown_calls,
    of_coverage.missing_buckets,
    of_buckets.held_buckets
from of_coverage
cross join of_calls
cross join of_buckets
where
    of_coverage.unpriced_calls <> of_calls.unpriced_calls
    or of_coverage.missing_calls <> of_calls.unpriced_calls
    or of_coverage.unpriced_tokens <> of_calls.unpriced_tokens
    or of_coverage.missing_tokens <> of_calls.unpriced_tokens
    or of_coverage.stated_cost <> of_calls.stated_cost
    or of_coverage.unknown_calls <> of_calls.unknown_calls
    or of_coverage.missing_buckets <> of_buckets.held_buckets
