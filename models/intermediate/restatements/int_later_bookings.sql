{{ config(materialized='table') }}

{#- One row per call and later booking: a later month whose closing knows something else of a call of a closed month
    than the closing before it. Few: calls that came late, came again, or have another price or name. -#}

with closings as (

    select * from {{ ref('int_closings') }}

),

first_closings as (

    select * from closings where booking_number = 0

),

latest_snapshot as (

    select
        max(prices_as_of) as prices_as_of,
        count(distinct prices_as_of) as snapshots
    from {{ ref('int_price_snapshots') }}

),

model_names as (

    select * from {{ ref('int_model_names') }}

),

older_names as (

    select * from model_names where not is_latest

),

models as (

    select * from {{ ref('stg_pricing__models') }}

),

changes as (

    select
        provider,
        model,
        known_from
    from {{ ref('stg_pricing__list_prices') }}

    union distinct

    select
        provider,
        model,
        known_from
    from {{ ref('stg_pricing__price_multipliers') }}

    union distinct

    select
        models.provider,
        models.model,
        contract_prices.known_from
    from {{ ref('stg_pricing__contract_prices') }} as contract_prices
    inner join models
        on
            contract_prices.provider = models.provider
            and coalesce(contract_prices.model, models.model) = models.model

    union distinct

    select
        models.provider,
        models.model,
        cost_bases.known_from
    from {{ ref('stg_pricing__cost_bases') }} as cost_bases
    inner join models
        on cost_bases.provider = models.provider

),

price_changes as (

    select
        closings.provider,
        changes.model,
        closings.billing_period_start,
        closings.booking_number
    from closings
    inner join changes
        on
            closings.provider = changes.provider
            and changes.known_from > closings.previous_prices_as_of
            and changes.known_from <= closings.prices_as_of

    union distinct

    -- a rate is for whatever is converted at it, on its day and on those that it covers
    select
        closings.provider,
        models.model,
        closings.billing_period_start,
        closings.booking_number
    from closings
    inner join {{ ref('stg_currencies__exchange_rates') }} as exchange_rates
        on
            exchange_rates.known_from > closings.previous_prices_as_of
            and exchange_rates.known_from <= closings.prices_as_of
            and exchange_rates.valid_from < {{ billing_period_end('closings.billing_period_start') }}
            and {{ later_by('day', var('exchange_rate_days'), 'exchange_rates.valid_from') }}
            > closings.billing_period_start
    inner join models
        on closings.provider = models.provider

),

repriced_models as (

    select distinct
        provider,
        model,
        billing_period_start
    from price_changes

),

rule_changes as (

    select known_from from {{ ref('stg_allocation__rules') }}
    union distinct
    select known_from from {{ ref('stg_allocation__departments') }}

),

-- months after whose closing somebody wrote a rule or a department
reallocated_months as (

    select distinct
        closings.provider,
        closings.billing_period_start
    from closings
    inner join rule_changes
        on
            rule_changes.known_from > closings.previous_prices_as_of
            and rule_changes.known_from <= closings.prices_as_of

),

name_changes as (

    select
        model_names.provider,
        model_names.model_name
    from model_names
    {{ join_one_row('latest_snapshot') }}
    group by
        model_names.provider, model_names.model_name, model_names.model, model_names.valid_from, model_names.valid_to
    having count(*) < max(latest_snapshot.snapshots)

),

-- names that not all snapshots take for the same model
changed_names as (

    select distinct
        provider,
        model_name
    from name_changes

),

-- so that calls of which no later closing can know more don't meet every one of them
concerned as (

    select deliveries.*
    from {{ ref('int_usage_deliveries') }} as deliveries
    inner join first_closings
        on
            deliveries.provider = first_closings.provider
            and {{ billing_period_start('deliveries.charge_period_start') }} = first_closings.billing_period_start
    left join repriced_models
        on
            deliveries.provider = repriced_models.provider
            and deliveries.latest_model = repriced_models.model
            and first_closings.billing_period_start = repriced_models.billing_period_start
    left join changed_names
        on
            deliveries.provider = changed_names.provider
            and lower(deliveries.model_as_sent) = changed_names.model_name
    left join reallocated_months
        on
            deliveries.provider = reallocated_months.provider
            and first_closings.billing_period_start = reallocated_months.billing_period_start
    where
        deliveries.ingested_at > first_closings.known_at
        or deliveries.provider_known_from > first_closings.prices_as_of
        or repriced_models.model is not null
        or changed_names.model_name is not null
        or reallocated_months.provider is not null

)

select
    {{ allocated('deliveries') }},
    {{ known_model('deliveries', 'closings.prices_as_of', 'older_names') }} as model,
    closings.booking_number,
    closings.booked_in,
    closings.prices_as_of
from concerned as deliveries
inner join closings
    on
        deliveries.provider = closings.provider
        and {{ billing_period_start('deliveries.charge_period_start') }} = closings.billing_period_start
        and closings.booking_number > 0
{{ join_one_row('latest_snapshot') }}
left join older_names
    on {{ name_fits('deliveries', 'closings.prices_as_of', 'older_names') | indent(8) }}
left join older_names as previous_names
    on {{ name_fits('deliveries', 'closings.previous_prices_as_of', 'previous_names') | indent(8) }}
left join price_changes
    on
        closings.provider = price_changes.provider
        and {{ known_model('deliveries', 'closings.prices_as_of', 'older_names') }} = price_changes.model
        and closings.billing_period_start = price_changes.billing_period_start
        and closings.booking_number = price_changes.booking_number
{{- join_allocation_values('deliveries') }}
{{ join_allocations('closings.prices_as_of', 'deliveries.started_at') }}
{{ join_allocations('closings.previous_prices_as_of', 'deliveries.started_at', 'previous_allocations') }}
where
    {{ counts_at('deliveries', 'closings.known_at') }}
    and (
        price_changes.model is not null
        -- its name leads to another model, or to one at all
        or coalesce({{ known_model('deliveries', 'closings.prices_as_of', 'older_names') }}, '')
        <> coalesce({{ known_model('deliveries', 'closings.previous_prices_as_of', 'previous_names') }}, '')
        or deliveries.ingested_at > closings.previous_known_at
        -- another department pays
        or coalesce(allocations.department_id, deliveries.sub_account_id, '')
        <> coalesce(previous_allocations.department_id, deliveries.sub_account_id, '')
    )
