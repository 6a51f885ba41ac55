{{ config(materialized='table') }}

{#- One row per name under which a model of the price book may serve a call: its own, the snapshots that
    are known to cost the same, and of the names in use those that begin as an alias with a star says.
    Dates are never cut from a name: snapshots differ in price. -#}

with models as (

    select distinct provider, model from {{ ref('int_meter_prices') }}

),

model_aliases as (

    select * from {{ ref('stg_pricing__model_aliases') }}

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

),

served_names as (

    {%- for source_name in usage_sources() %}
    {{ 'union' if not loop.first }}
    select
        provider_aliases.provider,
        lower(of_source.model) as model_name
    from (select distinct provider_as_sent, model from {{ ref('stg_' ~ source_name ~ '__usage') }}) as of_source
    inner join provider_aliases
        on lower(of_source.provider_as_sent) = provider_aliases.alias
    {%- endfor %}

),

-- the more exactly a name is known, the lower its rank
names as (

    select provider, lower(model) as model_name, model, {{ begin_of_time() }} as known_from, 0 as name_rank
    from models
    union all
    select provider, alias as model_name, model, known_from, 1 as name_rank
    from model_aliases
    where substr(alias, length(alias), 1) <> '*'
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
            and substr(model_aliases.alias, length(model_aliases.alias), 1) = '*'
            and substr(served_names.model_name, 1, length(model_aliases.alias) - 1)
            = substr(model_aliases.alias, 1, length(model_aliases.alias) - 1)

),

ranked as (

    select
        *,
        row_number() over (partition by provider, model_name order by name_rank, known_from, model) as choice
    from names

)

select
    provider,
    model_name,
    model,
    known_from
from ranked
where choice = 1
