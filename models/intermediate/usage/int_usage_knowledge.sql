{#- One row per call and state of knowledge in which it is priced: once, with what was known when its
    billing period closed (with everything, while it is open), and again for each later period in
    which a change of the call's prices, or the call itself, became known. -#}

with usage_of_calls as (

    select
        *,
        {{ billing_period_start('charge_period_start') }} as billing_period_start
    from {{ ref('int_usage') }}

),

period_knowledge as (

    select * from {{ ref('int_period_knowledge') }}

),

latest_book as (

    select max(book_version) as book_version from {{ ref('int_book_versions') }}

),

price_changes as (

    select distinct
        period_knowledge.provider,
        list_prices.model,
        period_knowledge.billing_period_start,
        period_knowledge.knowledge_sequence
    from period_knowledge
    inner join {{ ref('stg_pricing__list_prices') }} as list_prices
        on
            period_knowledge.provider = list_prices.provider
            and list_prices.known_from > period_knowledge.previous_book_version
            and list_prices.known_from <= period_knowledge.book_version

    union

    select distinct
        period_knowledge.provider,
        multipliers.model,
        period_knowledge.billing_period_start,
        period_knowledge.knowledge_sequence
    from period_knowledge
    inner join {{ ref('stg_pricing__price_multipliers') }} as multipliers
        on
            period_knowledge.provider = multipliers.provider
            and multipliers.known_from > period_knowledge.previous_book_version
            and multipliers.known_from <= period_knowledge.book_version

)

select
    usage_of_calls.*,
    0 as knowledge_sequence,
    coalesce(period_knowledge.reporting_period_start, usage_of_calls.billing_period_start) as reporting_period_start,
    coalesce(period_knowledge.book_version, latest_book.book_version) as book_version,
    period_knowledge.known_at is null
    or usage_of_calls.ingested_at is null
    or usage_of_calls.ingested_at <= period_knowledge.known_at as is_known
from usage_of_calls
cross join latest_book
left join period_knowledge
    on
        usage_of_calls.provider = period_knowledge.provider
        and usage_of_calls.billing_period_start = period_knowledge.billing_period_start
        and period_knowledge.knowledge_sequence = 0

union all

select
    usage_of_calls.*,
    period_knowledge.knowledge_sequence,
    period_knowledge.reporting_period_start,
    period_knowledge.book_version,
    usage_of_calls.ingested_at is null or usage_of_calls.ingested_at <= period_knowledge.known_at as is_known
from usage_of_calls
inner join period_knowledge
    on
        usage_of_calls.provider = period_knowledge.provider
        and usage_of_calls.billing_period_start = period_knowledge.billing_period_start
        and period_knowledge.knowledge_sequence > 0
left join price_changes
    on
        period_knowledge.provider = price_changes.provider
        and usage_of_calls.model = price_changes.model
        and period_knowledge.billing_period_start = price_changes.billing_period_start
        and period_knowledge.knowledge_sequence = price_changes.knowledge_sequence
where
    price_changes.model is not null
    or (
        usage_of_calls.ingested_at > period_knowledge.previous_known_at
        and usage_of_calls.ingested_at <= period_knowledge.known_at
    )
