{{ config(materialized='table') }}

with provisioned_deployments as (

    select * from {{ raw('provisioned_deployments') }} as raw_rows

),

provider_aliases as (

    select alias, provider from {{ ref('stg_pricing__provider_aliases') }}

),

typed as (

    select
        provisioned_deployments.*,
        provider_aliases.provider as known_provider,
        {{ to_utc_timestamp('provisioned_deployments.valid_from') }} as starts_at,
        {{ to_utc_timestamp('provisioned_deployments.valid_to') }} as ends_at
    from provisioned_deployments
    left join provider_aliases
        on lower(provisioned_deployments.provider) = provider_aliases.alias

),

checked as (

    select
        *,
        {{ first_fault([
            ['provider', 'provider', 'provider is null', 'is empty'],
            ['provider', 'provider', 'known_provider is null', 'is no provider'],
            ['deployment', 'deployment', 'deployment is null', 'is empty'],
            ['valid_from', 'valid_from', 'starts_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'valid_to is not null and ends_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'ends_at <= starts_at', 'does not lie after valid_from'],
        ]) }}
    from typed

),

-- a deployment is paid for from a day on, and to one end
compared as (

    select
        *,
        {{ contradicts(
            'coalesce(ends_at, ' ~ end_of_time() ~ ')', ['known_provider', 'deployment', 'starts_at']
        ) }} as is_contradicted
    from checked

)

select
    provider,
    deployment,
    model,
    valid_from,
    valid_to,
    known_provider,
    starts_at,
    ends_at,
    {{ fault_or_contradiction('deployment', 'is given twice from one day on, with different ends') }},
    _file,
    _line
from compared
