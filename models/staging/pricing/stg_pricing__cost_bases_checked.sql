{{ config(materialized='table') }}

{#- Rows of raw/cost_bases, each with its first fault. -#}
with cost_bases as (

    select * from {{ raw('cost_bases') }} as raw_rows

),

provider_aliases as (

    select alias, provider from {{ ref('stg_pricing__provider_aliases') }}

),

closed as (

    {{ closed_stretches() | indent(4) }}

),

typed as (

    select
        cost_bases.*,
        provider_aliases.provider as known_provider,
        lower(cost_bases.cost_basis) as known_basis,
        case
            when cost_bases.valid_from is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('cost_bases.valid_from') }}
        end as starts_at,
        case
            when cost_bases.recorded_at is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('cost_bases.recorded_at') }}
        end as known_from,
        closed.closed_until
    from cost_bases
    left join provider_aliases
        on lower(cost_bases.provider) = provider_aliases.alias
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
            ['cost_basis', 'cost_basis', 'cost_basis is null', 'is empty'],
            ['cost_basis', 'cost_basis', "known_basis not in ('list', 'stated')", 'is neither list nor stated'],
            ['valid_from', 'valid_from', 'starts_at is null', 'is no date and time'],
            ['recorded_at', 'recorded_at', 'known_from is null', 'is no date and time'],
            ['recorded_at', "coalesce(recorded_at, '')", 'recorded_at is null and starts_at < closed_until',
             'is needed: the row reaches into a month that is closed, which keeps what was known then'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('known_basis', ['known_provider', 'deployment', 'starts_at', 'known_from']) }}
            as is_contradicted
    from checked

)

select
    provider,
    deployment,
    cost_basis,
    known_provider,
    known_basis,
    starts_at,
    known_from,
    {{ fault_or_contradiction(
        'cost_basis', 'is another one than in a second row of the same provider, deployment, day and recorded_at'
    ) }},
    _file,
    _line
from compared
