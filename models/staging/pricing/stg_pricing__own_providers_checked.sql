{{ config(materialized='table') }}

{#- Rows of raw/providers, each of which is a spelling too: its own key; and rows of raw/provider_aliases. -#}
with own_rows as (

    select
        cast('providers' as {{ text_type() }}) as raw_table,
        lower(provider) as provider,
        lower(provider) as alias,
        service_provider_name,
        host_provider_name,
        invoice_issuer_name,
        invoice_issuer_legal_name,
        service_name,
        recorded_at,
        _file,
        _line,
        _fault
    from {{ raw('providers') }} as raw_rows

    union all

    select
        cast('provider_aliases' as {{ text_type() }}) as raw_table,
        lower(provider) as provider,
        lower(alias) as alias,
        {{ null_text() }} as service_provider_name,
        {{ null_text() }} as host_provider_name,
        {{ null_text() }} as invoice_issuer_name,
        {{ null_text() }} as invoice_issuer_legal_name,
        {{ null_text() }} as service_name,
        recorded_at,
        _file,
        _line,
        _fault
    from {{ raw('provider_aliases') }} as raw_rows

),

shipped_aliases as (

    select
        aliases.alias,
        aliases.provider,
        {{ known_from(to_utc_timestamp('aliases.recorded_at'), 'first_day.first_day') }} as known_from
    from {{ price_book('ai_provider_aliases') }} as aliases
    cross join {{ ref('stg_pricing__first_day') }} as first_day

),

shipped_providers as (

    select provider, invoice_issuer_name from {{ price_book('ai_providers') }}

),

own_providers as (

    select
        provider,
        max(coalesce(invoice_issuer_name, service_provider_name)) as invoice_issuer_name
    from own_rows
    where raw_table = 'providers' and service_provider_name is not null
    group by provider

),

-- by name or spelling, as a closing may write its issuer
closed_issuers as (

    select distinct
        lower(coalesce(shipped_providers.invoice_issuer_name, closings.issuer)) as issuer
    from {{ raw('billing_periods') }} as closings
    left join shipped_aliases
        on lower(closings.issuer) = shipped_aliases.alias
    left join shipped_providers
        on shipped_aliases.provider = shipped_providers.provider

),

typed as (

    select
        own_rows.raw_table,
        coalesce(target.provider, own_rows.provider) as provider,
        own_rows.provider as provider_as_sent,
        own_rows.alias,
        own_rows.service_provider_name,
        coalesce(own_rows.host_provider_name, own_rows.service_provider_name) as host_provider_name,
        coalesce(own_rows.invoice_issuer_name, own_rows.service_provider_name) as invoice_issuer_name,
        coalesce(
            own_rows.invoice_issuer_legal_name, own_rows.invoice_issuer_name, own_rows.service_provider_name
        ) as invoice_issuer_legal_name,
        coalesce(own_rows.service_name, own_rows.service_provider_name) as service_name,
        own_rows.recorded_at,
        case
            when own_rows.recorded_at is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('own_rows.recorded_at') }}
        end as known_from,
        own_providers.provider is not null or target.provider is not null as is_known,
        spelled.provider as provider_of_alias,
        spelled.known_from as alias_known_from,
        closed_issuers.issuer is not null as is_closed,
        own_rows._file,
        own_rows._line,
        own_rows._fault
    from own_rows
    left join own_providers
        on own_rows.provider = own_providers.provider
    -- the provider that an alias leads to may be given by another spelling of it
    left join shipped_aliases as target
        on
            own_rows.raw_table = 'provider_aliases'
            and own_rows.provider = target.alias
    left join shipped_aliases as spelled
        on own_rows.alias = spelled.alias
    left join shipped_providers
        on target.provider = shipped_providers.provider
    left join closed_issuers
        on
            own_rows.raw_table = 'provider_aliases'
            and lower(coalesce(shipped_providers.invoice_issuer_name, own_providers.invoice_issuer_name))
            = closed_issuers.issuer

),

checked as (

    select
        *,
        {{ first_fault([
            ['provider', 'provider_as_sent', 'provider_as_sent is null', 'is empty'],
            ['provider', 'provider_as_sent', "raw_table = 'providers' and not "
             ~ matches('provider_as_sent', '[a-z0-9][a-z0-9._-]*'),
             'is no key: write letters, digits, dots, hyphens and underscores only'],
            ['service_provider_name', 'service_provider_name',
             "raw_table = 'providers' and service_provider_name is null", 'is empty'],
            ['alias', 'alias', 'alias is null', 'is empty'],
            ['provider', 'provider_as_sent', 'not is_known', 'is no provider: give it a row in raw/providers'],
            ['recorded_at', 'recorded_at', 'known_from is null', 'is no date and time'],
            ['alias', 'alias', 'provider_of_alias <> provider and alias_known_from <= known_from',
             'is a spelling of another provider of the price book'],
            ['recorded_at', "coalesce(recorded_at, '')", 'recorded_at is null and is_closed',
             'is needed: months of its invoice issuer are closed, and keep what was known then'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('provider', ['alias']) }}
        or {{ contradicts(
            hash_of([
                'service_provider_name', 'host_provider_name', 'invoice_issuer_name', 'invoice_issuer_legal_name',
                'service_name',
            ]), ['raw_table', 'provider', 'alias']
        ) }} as is_contradicted
    from checked

)

select
    raw_table,
    provider,
    alias,
    service_provider_name,
    host_provider_name,
    invoice_issuer_name,
    invoice_issuer_legal_name,
    service_name,
    recorded_at,
    known_from,
    {{ fault_or_contradiction('alias', 'is given twice with different values') }},
    _file,
    _line
from compared
