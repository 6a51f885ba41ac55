{{ config(materialized='table') }}

with billing_periods as (

    select * from {{ raw('billing_periods') }} as raw_rows

),

provider_aliases as (

    select
        provider_aliases.alias,
        providers.invoice_issuer_name
    from {{ ref('stg_pricing__provider_aliases') }} as provider_aliases
    inner join {{ ref('stg_pricing__providers') }} as providers
        on provider_aliases.provider = providers.provider

),

issuers as (

    select distinct invoice_issuer_name from {{ ref('stg_pricing__providers') }}

),

typed as (

    select
        billing_periods.*,
        coalesce(issuers.invoice_issuer_name, provider_aliases.invoice_issuer_name) as invoice_issuer_name,
        case
            when {{ matches('billing_periods.billing_period', '[0-9]{4}-(0[1-9]|1[0-2])(-01)?') }}
                then {{ to_utc_timestamp("substr(billing_periods.billing_period, 1, 7) || '-01'") }}
        end as billing_period_start,
        {{ to_utc_timestamp('billing_periods.closed_at') }} as closed_at_instant
    from billing_periods
    left join issuers
        on lower(billing_periods.issuer) = lower(issuers.invoice_issuer_name)
    left join provider_aliases
        on lower(billing_periods.issuer) = provider_aliases.alias

),

checked as (

    select
        *,
        {{ first_fault([
            ['issuer', 'issuer', 'issuer is null', 'is empty'],
            ['issuer', 'issuer', 'invoice_issuer_name is null', 'is no provider and no invoice issuer'],
            ['billing_period', 'billing_period', 'billing_period_start is null', 'is no month (YYYY-MM)'],
            ['closed_at', 'closed_at', 'closed_at_instant is null', 'is no date and time'],
            ['closed_at', 'closed_at', 'closed_at_instant <= billing_period_start',
             'does not lie after the period begins'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('closed_at_instant', ['invoice_issuer_name', 'billing_period_start']) }} as is_contradicted
    from checked

)

select
    issuer,
    billing_period,
    closed_at,
    invoice_issuer_name,
    billing_period_start,
    closed_at_instant,
    {{ fault_or_contradiction('closed_at', 'is another one than in a second row of the same issuer and period') }},
    _file,
    _line
from compared
