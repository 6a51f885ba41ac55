{%- set content = [
    'contract_id', 'provider', 'issuer', 'billing_account', 'currency', 'contract_start',
    'contract_end', 'description',
] -%}
{%- set checks = [
    ('contract_id', 'contract_id', 'contract_id is null', ''),
    ('provider', 'provider', 'provider is null', ''),
    ('start', 'contract_start', 'contract_period_start is null', 'is no date'),
    ('end', 'contract_end', 'contract_period_end is null', 'is no date'),
    ('end', 'contract_end', 'contract_period_end <= contract_period_start',
        'is not after the start'),
    ('currency', 'currency', 'currency is not null and currency_code is null',
        'is no ISO 4217 currency code'),
] -%}

with

contract_rows as (

    select * from {{ ref('stg_contracts__contract_rows') }}

),

currencies as (

    select * from {{ ref('ai_currencies') }}

),

typed as (

    select
        contract_rows.*,
        {{ to_utc_timestamp('contract_rows.contract_start') }} as contract_period_start,
        {{ to_utc_timestamp('contract_rows.contract_end') }} as contract_period_end,
        currencies.currency_code,
        {{ commitment_content('contract_rows', content) }} as content_hash
    from contract_rows
    left join currencies
        on upper(contract_rows.currency) = currencies.currency_code

),

checked as (

    select
        typed.*,
        {{ first_fault(checks) }}
    from typed

),

compared as (

    select
        checked.*,
        {{ contradicts('content_hash', ['contract_id', 'lower(provider)']) }} as is_contradicted
    from checked

)

select
    contract_id,
    provider,
    issuer,
    billing_account,
    currency_code,
    contract_period_start,
    contract_period_end,
    description,
    content_hash,
    {{ fault_or_contradiction('contract_id') }},
    _file,
    _line
from compared
