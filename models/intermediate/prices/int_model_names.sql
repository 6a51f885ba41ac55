{{ config(materialized='table') }}

{#- One row per version of the prices, name and stretch of time with the model of the price book that the
    name leads to: by somebody's own alias since its first day; else a model's own name since it has a price, or for
    good where it never had one; before that, and without one, the alias of a snapshot that is known to cost the same;
    else, of the names in use, the longest alias with a star that they begin with. Dates are never cut from a name:
    snapshots differ in price. A name that its own provider's stands before, as in openai/gpt-5-mini, leads where the
    rest does, unless it is known as it is; and so does an ARN of Bedrock. -#}
{%- set first_part = dbt.split_part('served_names.model_name', "'/'", 1) %}

with price_snapshots as (

    select distinct
        prices_as_of,
        prices_as_of = max(prices_as_of) over () as is_latest
    from {{ ref('int_price_snapshots') }}

),

priced_names as (

    select
        prices_as_of,
        provider,
        lower(model) as model_name,
        min(model) as model,
        min(valid_from) as valid_from
    from {{ ref('int_meter_prices') }}
    group by prices_as_of, provider, lower(model)

),

ever_priced as (

    select distinct
        provider,
        model_name
    from priced_names

),

model_aliases as (

    select
        *,
        substr(alias, length(alias), 1) = '*' as is_star
    from {{ ref('stg_pricing__model_aliases') }}

),

-- the book can name a model that it has no price of: its calls cost what their log states, where that counts
unpriced_names as (

    select
        models.provider,
        lower(models.model) as model_name,
        min(models.model) as model
    from {{ ref('stg_pricing__models') }} as models
    left join ever_priced
        on
            models.provider = ever_priced.provider
            and lower(models.model) = ever_priced.model_name
    left join model_aliases
        on
            models.provider = model_aliases.provider
            and lower(models.model) = model_aliases.alias
    where
        ever_priced.model_name is null
        and model_aliases.alias is null
    group by models.provider, lower(models.model)

),

own_names as (

    select * from priced_names

    union all

    select
        price_snapshots.prices_as_of,
        unpriced_names.provider,
        unpriced_names.model_name,
        unpriced_names.model,
        {{ begin_of_time() }} as valid_from
    from unpriced_names
    cross join price_snapshots

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

    union distinct

    select
        provider,
        model_name,
        {{ dbt.split_part('model_name', "'/'", 2) }} as bare_name
    from served_names
    where model_name like 'arn:aws%:%/%'

),

names_to_find as (

    select provider, model_name from served_names
    union distinct
    select provider, bare_name as model_name from prefixed_names

),

-- of two ranks the lower one goes before
ranked_names as (

    select
        prices_as_of,
        provider,
        model_name,
        model,
        {{ null_text() }} as region_id,
        {{ begin_of_time() }} as known_from,
        valid_from,
        200000 as name_rank
    from own_names

    union all

    select
        price_snapshots.prices_as_of,
        model_aliases.provider,
        model_aliases.alias as model_name,
        model_aliases.model,
        model_aliases.region_id,
        model_aliases.known_from,
        model_aliases.valid_from,
        case when model_aliases.is_own = 1 then 0 else 300000 end as name_rank
    from price_snapshots
    inner join model_aliases
        on
            price_snapshots.prices_as_of >= model_aliases.known_from
            and not model_aliases.is_star

    union all

    select
        price_snapshots.prices_as_of,
        names_to_find.provider,
        names_to_find.model_name,
        model_aliases.model,
        model_aliases.region_id,
        model_aliases.known_from,
        model_aliases.valid_from,
        case when model_aliases.is_own = 1 then 100000 else 400000 end - length(model_aliases.alias) as name_rank
    from names_to_find
    inner join model_aliases
        on
            names_to_find.provider = model_aliases.provider
            and model_aliases.is_star
            and substr(names_to_find.model_name, 1, length(model_aliases.alias) - 1)
            = substr(model_aliases.alias, 1, length(model_aliases.alias) - 1)
    inner join price_snapshots
        on model_aliases.known_from <= price_snapshots.prices_as_of

),

-- a row with the first day of an older one corrects it
corrected as (

    select
        prices_as_of,
        provider,
        model_name,
        model,
        region_id,
        known_from,
        coalesce(valid_from, {{ begin_of_time() }}) as valid_from,
        name_rank,
        row_number() over (
            partition by prices_as_of, provider, model_name, name_rank, coalesce(valid_from, {{ begin_of_time() }})
            order by known_from desc, model
        ) as choice
    from ranked_names

),

-- the last names of a rank go on until one of a lower rank begins
first_days as (

    select
        prices_as_of,
        provider,
        model_name,
        name_rank,
        min(min(valid_from)) over (
            partition by prices_as_of, provider, model_name
            order by name_rank
            rows between unbounded preceding and 1 preceding
        ) as taken_from
    from corrected
    group by prices_as_of, provider, model_name, name_rank

),

names as (

    select
        corrected.prices_as_of,
        corrected.provider,
        corrected.model_name,
        corrected.model,
        corrected.region_id,
        corrected.known_from,
        corrected.valid_from,
        least(
            coalesce(
                lead(corrected.valid_from) over (
                    partition by
                        corrected.prices_as_of, corrected.provider, corrected.model_name, corrected.name_rank
                    order by corrected.valid_from
                ),
                {{ end_of_time() }}
            ),
            coalesce(first_days.taken_from, {{ end_of_time() }})
        ) as valid_to
    from corrected
    inner join first_days
        on
            corrected.prices_as_of = first_days.prices_as_of
            and corrected.provider = first_days.provider
            and corrected.model_name = first_days.model_name
            and corrected.name_rank = first_days.name_rank
    where corrected.choice = 1

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
        bare_names.region_id,
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
    coalesce(
        all_names.region_id,
        case
            when all_names.model_name like 'arn:aws%'
                then nullif({{ dbt.split_part('all_names.model_name', "':'", 4) }}, '')
        end
    ) as region_id,
    all_names.known_from,
    all_names.valid_from,
    all_names.valid_to
from all_names
inner join price_snapshots
    on all_names.prices_as_of = price_snapshots.prices_as_of
where all_names.valid_from < all_names.valid_to
