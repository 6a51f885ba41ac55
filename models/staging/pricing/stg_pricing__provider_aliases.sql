with spellings as (

    select
        aliases.alias,
        aliases.provider,
        {{ to_utc_timestamp('aliases.recorded_at', is_iso=true) }} as recorded_at,
        {{ known_from(to_utc_timestamp('aliases.recorded_at', is_iso=true), 'first_day.first_day') }} as known_from
    from {{ price_book('ai_provider_aliases') }} as aliases
    cross join {{ ref('stg_pricing__first_day') }} as first_day

    union all

    select
        own_providers.alias,
        own_providers.provider,
        own_providers.known_from as recorded_at,
        own_providers.known_from
    from {{ ref('stg_pricing__own_providers_checked') }} as own_providers
    -- the provider's own row may be faulty
    inner join {{ ref('stg_pricing__providers') }} as providers
        on own_providers.provider = providers.provider
    where own_providers.fault_reason is null

),

-- the one that was known first stands, so that a closed month keeps the provider that it had
ranked as (

    select
        *,
        row_number() over (partition by alias order by known_from, provider) as choice
    from spellings

)

select
    alias,
    provider,
    recorded_at,
    known_from
from ranked
where choice = 1
