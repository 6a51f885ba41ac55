with provisioned_deployments as (

    select * from {{ raw('provisioned_deployments') }} as raw_rows

),

typed as (

    select
        *,
        {{ to_utc_timestamp('valid_from') }} as starts_at,
        {{ to_utc_timestamp('valid_to') }} as ends_at
    from provisioned_deployments

)

select
    *,
    {{ first_fault([
        ['provider', 'provider', 'provider is null', 'is empty'],
        ['deployment', 'deployment', 'deployment is null', 'is empty'],
        ['valid_from', 'valid_from', 'starts_at is null', 'is no date and time'],
        ['valid_to', 'valid_to',
                 'valid_to is not null and ends_at is null',
                 'is no date and time'],
        ['valid_to', 'valid_to', 'ends_at <= starts_at', 'does not lie after valid_from'],
    ]) }}
from typed
