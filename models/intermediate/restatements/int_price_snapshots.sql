{{ config(materialized='table') }}

{#- One row per instant at which somebody had to know the prices (a billing period closed; now), with
    the snapshot of the price book that was known then: the last change of it. -#}

with instants as (

    select closed_at as known_at from {{ ref('stg_billing__billing_periods') }}
    union distinct
    select {{ end_of_time() }} as known_at

),

changes as (

    select known_from from {{ ref('stg_pricing__list_prices') }}
    union distinct
    select known_from from {{ ref('stg_pricing__price_multipliers') }}
    union distinct
    select known_from from {{ ref('stg_pricing__contract_prices') }}
    union distinct
    select known_from from {{ ref('stg_currencies__exchange_rates') }}
    union distinct
    select known_from from {{ ref('stg_pricing__provider_aliases') }}
    {{ where_known() }}
    union distinct
    select known_from from {{ ref('stg_pricing__model_aliases') }}
    union distinct
    select known_from from {{ ref('stg_pricing__cost_bases') }}
    union distinct
    select known_from from {{ ref('stg_allocation__rules') }}
    union distinct
    select known_from from {{ ref('stg_allocation__departments') }}

)

select
    instants.known_at,
    max(changes.known_from) as prices_as_of
from instants
inner join changes
    on instants.known_at >= changes.known_from
group by instants.known_at
