{#- One row per call and state of knowledge in which it is priced: once, with what was known when its
    billing period closed (with everything, while it is open), and again for each later period in
    which a change of the call's prices, or the call itself, became known. -#}
{%- set known_model -%}
case
        -- nobody knew yet who that provider is
        when deliveries.provider_known_from > period_knowledge.book_version then null
        when period_knowledge.book_version = latest_book.book_version then deliveries.latest_model
        else older_names.model
    end
{%- endset %}
{%- set model_before = known_model | replace('knowledge.book_version', 'knowledge.previous_book_version')
    | replace('older_names', 'previous_names') %}
{%- set model_of_own_period = known_model
    | replace('period_knowledge.book_version', 'coalesce(period_knowledge.book_version, latest_book.book_version)') %}


with period_knowledge as (

    select * from {{ ref('int_period_knowledge') }}

),

latest_book as (

    select max(book_version) as book_version from {{ ref('int_book_versions') }}

),

older_names as (

    select * from {{ ref('int_model_names') }} where not is_latest

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

    union distinct

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

    union distinct

    select distinct
        period_knowledge.provider,
        models.model,
        period_knowledge.billing_period_start,
        period_knowledge.knowledge_sequence
    from period_knowledge
    inner join {{ ref('stg_pricing__contract_prices') }} as contract_prices
        on
            period_knowledge.provider = contract_prices.provider
            and contract_prices.known_from > period_knowledge.previous_book_version
            and contract_prices.known_from <= period_knowledge.book_version
    inner join {{ price_book('models') }} as models
        on
            contract_prices.provider = models.provider
            and coalesce(contract_prices.model, models.model) = models.model

    union distinct

    -- a rate is for whatever is converted at it, on its day and on those that it covers
    select distinct
        period_knowledge.provider,
        models.model,
        period_knowledge.billing_period_start,
        period_knowledge.knowledge_sequence
    from period_knowledge
    inner join {{ ref('stg_currencies__exchange_rates') }} as exchange_rates
        on
            exchange_rates.known_from > period_knowledge.previous_book_version
            and exchange_rates.known_from <= period_knowledge.book_version
            and exchange_rates.valid_from < {{ billing_period_end('period_knowledge.billing_period_start') }}
            and {{ later_by('day', var('exchange_rate_days'), 'exchange_rates.valid_from') }}
            > period_knowledge.billing_period_start
    inner join {{ price_book('models') }} as models
        on period_knowledge.provider = models.provider

)

select
    deliveries.*,
    {{ model_of_own_period }} as model,
    0 as knowledge_sequence,
    coalesce(period_knowledge.reporting_period_start, {{ billing_period_start('deliveries.charge_period_start') }})
        as reporting_period_start,
    coalesce(period_knowledge.book_version, latest_book.book_version) as book_version
-- read twice and not as one CTE, which would be kept in memory whole
from {{ ref('int_usage_deliveries') }} as deliveries
cross join latest_book
left join period_knowledge
    on
        deliveries.provider = period_knowledge.provider
        and {{ billing_period_start('deliveries.charge_period_start') }} = period_knowledge.billing_period_start
        and period_knowledge.knowledge_sequence = 0
left join older_names
    on
        period_knowledge.book_version = older_names.book_version
        and deliveries.provider = older_names.provider
        and lower(deliveries.served_model) = older_names.model_name
        and deliveries.started_at >= older_names.valid_from
        and deliveries.started_at < older_names.valid_to
where {{ counts_at('deliveries', 'coalesce(period_knowledge.known_at, ' ~ end_of_time() ~ ')') }}

union all

select
    deliveries.*,
    {{ known_model }} as model,
    period_knowledge.knowledge_sequence,
    period_knowledge.reporting_period_start,
    period_knowledge.book_version
from {{ ref('int_usage_deliveries') }} as deliveries
inner join period_knowledge
    on
        deliveries.provider = period_knowledge.provider
        and {{ billing_period_start('deliveries.charge_period_start') }} = period_knowledge.billing_period_start
        and period_knowledge.knowledge_sequence > 0
cross join latest_book
left join older_names
    on
        period_knowledge.book_version = older_names.book_version
        and deliveries.provider = older_names.provider
        and lower(deliveries.served_model) = older_names.model_name
        and deliveries.started_at >= older_names.valid_from
        and deliveries.started_at < older_names.valid_to
left join older_names as previous_names
    on
        period_knowledge.previous_book_version = previous_names.book_version
        and deliveries.provider = previous_names.provider
        and lower(deliveries.served_model) = previous_names.model_name
        and deliveries.started_at >= previous_names.valid_from
        and deliveries.started_at < previous_names.valid_to
left join price_changes
    on
        period_knowledge.provider = price_changes.provider
        and {{ known_model }} = price_changes.model
        and period_knowledge.billing_period_start = price_changes.billing_period_start
        and period_knowledge.knowledge_sequence = price_changes.knowledge_sequence
where
    {{ counts_at('deliveries', 'period_knowledge.known_at') }}
    and (
        price_changes.model is not null
        -- its name leads to another model, or to one at all
        or coalesce({{ known_model }}, '') <> coalesce({{ model_before }}, '')
        or deliveries.ingested_at > period_knowledge.previous_known_at
    )
