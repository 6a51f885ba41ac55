{{ config(materialized='table') }}

{#- One row per version of the prices, name and stretch of time with the model of the price book that the
    name leads to: a model's own name since it has a price; before that, and without one, the alias of a
    snapshot that is known to cost the same; else, of the names in use, the longest alias with a star that
    they begin with. Dates are never cut from a name: snapshots differ in price. -#}

with price_snapshots as (

    select distinct
        prices_as_of,
        prices_as_of = max(prices_as_of) over () as is_latest
    from {{ ref('int_price_snapshots') }}

),

own_names as (

    select
        prices_as_of,
        provider,
        lower(model) as model_name,
        min(model) as model,
        min(valid_from) as valid_from
    from {{ ref('int_meter_prices') }}
    group by 1, 2, 3

),

model_aliases as (

    select
        *,
        substr(alias, length(alias), 1) = '*' as is_star
    from {{ ref('stg_pricing__model_aliases') }}

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

),

served_names as (

    select
        provider_aliases.provider,
        lower(sent.model) as model_name
    from (
        select distinct provider_as_sent, model
        from {{ ref('int_usage_records') }}
        where fault_reason is null
    ) as sent
    inner join provider_aliases
        on lower(sent.provider_as_sent) = provider_aliases.alias

),

other_names as (

    select provider, alias as model_name, model, known_from, 0 as name_rank
    from model_aliases
    where not is_star
    union all
    select
        served_names.provider,
        served_names.model_name,
        model_aliases.model,
        model_aliases.known_from,
        100000 - length(model_aliases.alias) as name_rank
    from served_names
    inner join model_aliases
        on
            served_names.provider = model_aliases.provider
            and model_aliases.is_star
            and substr(served_names.model_name, 1, length(model_aliases.alias) - 1)
            = substr(model_aliases.alias, 1, length(model_aliases.alias) - 1)

),

ranked as (

    select
        price_snapshots.prices_as_of,
        other_names.*,
        row_number() over (
            partition by price_snapshots.prices_as_of, other_names.provider, other_names.model_name
            order by other_names.name_rank, other_names.known_from desc, other_names.model
        ) as choice
    from price_snapshots
    inner join other_names
        on price_snapshots.prices_as_of >= other_names.known_from

),

names as (

    select
        prices_as_of,
        provider,
        model_name,
        model,
        {{ begin_of_time() }} as known_from,
        valid_from,
        {{ end_of_time() }} as valid_to
    from own_names

    union all

    select
        ranked.prices_as_of,
        ranked.provider,
        ranked.model_name,
        ranked.model,
        ranked.known_from,
        {{ begin_of_time() }} as valid_from,
        coalesce(own_names.valid_from, {{ end_of_time() }}) as valid_to
    from ranked
    left join own_names
        on
            ranked.prices_as_of = own_names.prices_as_of
            and ranked.provider = own_names.provider
            and ranked.model_name = own_names.model_name
    where ranked.choice = 1

)

select
    names.prices_as_of,
    price_snapshots.is_latest,
    names.provider,
    names.model_name,
    names.model,
    names.known_from,
    names.valid_from,
    names.valid_to
from names
inner join price_snapshots
    on names.prices_as_of = price_snapshots.prices_as_of
where names.valid_from < names.valid_to
