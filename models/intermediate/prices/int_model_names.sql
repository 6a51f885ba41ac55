{{ config(materialized='table') }}

{#- One row per version of the prices, name and stretch of time with the model of the price book that the
    name leads to: a model's own name since it has a price; before that, and without one, the alias of a
    snapshot that is known to cost the same; else, of the names in use, the longest alias with a star that
    they begin with. Dates are never cut from a name: snapshots differ in price. A name that its own provider's stands
    before, as in openai/gpt-5-mini, leads where the rest does, unless it is known as it is. -#}
{%- set first_part = dbt.split_part('served_names.model_name', "'/'", 1) %}

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
    {{ where_known() }}

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

prefixed_names as (

    select distinct
        served_names.provider,
        served_names.model_name,
        substr(served_names.model_name, length({{ first_part }}) + 2) as bare_name
    from served_names
    inner join provider_aliases
        on
            served_names.provider = provider_aliases.provider
            and {{ first_part }} = provider_aliases.alias
    where served_names.model_name like '%/%'

),

names_to_find as (

    select provider, model_name from served_names
    union distinct
    select provider, bare_name as model_name from prefixed_names

),

other_names as (

    select provider, alias as model_name, model, known_from, 0 as name_rank
    from model_aliases
    where not is_star
    union all
    select
        names_to_find.provider,
        names_to_find.model_name,
        model_aliases.model,
        model_aliases.known_from,
        100000 - length(model_aliases.alias) as name_rank
    from names_to_find
    inner join model_aliases
        on
            names_to_find.provider = model_aliases.provider
            and model_aliases.is_star
            and substr(names_to_find.model_name, 1, length(model_aliases.alias) - 1)
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

),

known_names as (

    select distinct
        prices_as_of,
        provider,
        model_name
    from names

),

all_names as (

    select * from names

    union all

    select
        bare_names.prices_as_of,
        bare_names.provider,
        prefixed_names.model_name,
        bare_names.model,
        bare_names.known_from,
        bare_names.valid_from,
        bare_names.valid_to
    from prefixed_names
    inner join names as bare_names
        on
            prefixed_names.provider = bare_names.provider
            and prefixed_names.bare_name = bare_names.model_name
    left join known_names
        on
            bare_names.prices_as_of = known_names.prices_as_of
            and prefixed_names.provider = known_names.provider
            and prefixed_names.model_name = known_names.model_name
    where known_names.model_name is null

)

select
    all_names.prices_as_of,
    price_snapshots.is_latest,
    all_names.provider,
    all_names.model_name,
    all_names.model,
    all_names.known_from,
    all_names.valid_from,
    all_names.valid_to
from all_names
inner join price_snapshots
    on all_names.prices_as_of = price_snapshots.prices_as_of
where all_names.valid_from < all_names.valid_to
