{{ config(materialized='table') }}

{#- Rows of raw/model_aliases; and of raw/inference_profiles, each of which is another name of a model too: its id, with
    which its ARN ends, and the region beside it. -#}
{%- set id_of_arn = dbt.split_part('inference_profile', "'/'", 2) -%}
{%- set region_of_arn = dbt.split_part('inference_profile', "':'", 4) -%}
{%- set name_of_arn = dbt.split_part('own_rows.model', "'/'", 2) -%}

with own_rows as (

    select
        cast('model_aliases' as {{ text_type() }}) as raw_table,
        provider,
        alias as alias_as_sent,
        lower(alias) as alias,
        model,
        {{ null_text() }} as region_id,
        valid_from,
        recorded_at,
        _file,
        _line,
        _fault
    from {{ raw('model_aliases') }} as raw_rows

    union all

    select
        cast('inference_profiles' as {{ text_type() }}) as raw_table,
        coalesce(provider, 'bedrock') as provider,
        inference_profile as alias_as_sent,
        lower(
            case when lower(inference_profile) like 'arn:aws%/%' then {{ id_of_arn }} else inference_profile end
        ) as alias,
        model,
        lower(
            coalesce(region_id, case when lower(inference_profile) like 'arn:aws%' then {{ region_of_arn }} end)
        ) as region_id,
        valid_from,
        recorded_at,
        _file,
        _line,
        _fault
    from {{ raw('inference_profiles') }} as raw_rows

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

),

-- a name of the book, in any case of its letters; where it is both, the model's own goes before an alias
book_names as (

    select
        provider,
        model_name,
        coalesce(min(own_name), min(other_name)) as model
    from (
        select
            provider,
            lower(model) as model_name,
            model as own_name,
            {{ null_text() }} as other_name
        from {{ ref('stg_pricing__models') }}
        union all
        select
            provider,
            lower(alias) as model_name,
            {{ null_text() }} as own_name,
            model as other_name
        from {{ price_book('ai_model_aliases') }}
    ) as names
    group by provider, model_name

),

closed as (

    {{ closed_stretches() | indent(4) }}

),

typed as (

    select
        own_rows.*,
        provider_aliases.provider as known_provider,
        book_names.model as known_model,
        names_of_alias.model as model_of_alias,
        {{ to_utc_timestamp('own_rows.valid_from') }} as starts_at,
        case
            when own_rows.recorded_at is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('own_rows.recorded_at') }}
        end as known_from,
        closed.closed_until
    from own_rows
    left join provider_aliases
        on lower(own_rows.provider) = provider_aliases.alias
    left join book_names
        on
            provider_aliases.provider = book_names.provider
            and lower(
                case when lower(own_rows.model) like 'arn:aws%/%' then {{ name_of_arn }} else own_rows.model end
            ) = book_names.model_name
    left join book_names as names_of_alias
        on
            provider_aliases.provider = names_of_alias.provider
            and own_rows.alias = names_of_alias.model_name
    left join closed
        on provider_aliases.provider = closed.provider

),

checked as (

    select
        *,
        {{ first_fault([
            ['provider', 'provider', 'provider is null', 'is empty'],
            ['provider', 'provider', 'known_provider is null',
             'is no provider: give it a row in raw/providers, or its spelling one in raw/provider_aliases'],
            ['alias', 'alias_as_sent', "alias is null and raw_table = 'model_aliases'", 'is empty'],
            ['inference_profile', 'alias_as_sent', "coalesce(alias, '') = ''", 'is no ARN or id of a profile'],
            ['model', 'model', 'model is null', 'is empty'],
            ['model', 'model', 'known_model is null',
             'is no model of the price book at that provider: write one as the book does, or give it a price in'
             ~ ' raw/list_prices'],
            ['inference_profile', 'alias_as_sent', "raw_table = 'inference_profiles' and model_of_alias is not null",
             'is a name of the price book: give it another model in raw/model_aliases'],
            ['valid_from', 'valid_from', 'valid_from is not null and starts_at is null', 'is no date and time'],
            ['recorded_at', 'recorded_at', 'known_from is null', 'is no date and time'],
            ['recorded_at', "coalesce(recorded_at, '')",
             'recorded_at is null and coalesce(starts_at, ' ~ begin_of_time() ~ ') < closed_until',
             'is needed: the name reaches into a month that is closed, which keeps what was known then'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('known_model', ['known_provider', 'alias', 'starts_at', 'known_from']) }}
        -- a closed month has the region that is known now, so there is one for good
        or {{ contradicts("coalesce(region_id, '')", ['known_provider', 'alias']) }} as is_contradicted
    from checked

)

select
    raw_table,
    alias_as_sent,
    known_provider,
    alias,
    known_model,
    region_id,
    starts_at,
    known_from,
    {{ fault_or_contradiction(
        'alias', 'is given twice, with different models from one day on or with different regions'
    ) }},
    _file,
    _line
from compared
