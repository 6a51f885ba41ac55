{{ config(materialized='table') }}

with billing_accounts as (

    select * from {{ raw('billing_accounts') }} as raw_rows

),

currencies as (

    select * from {{ ref('ai_currencies') }}

),

typed as (

    select
        billing_accounts.*,
        currencies.currency_code as known_currency,
        {{ hash_of(['billing_accounts.billing_account_name', 'upper(billing_accounts.billing_currency)']) }}
            as content_hash
    from billing_accounts
    left join currencies
        on upper(billing_accounts.billing_currency) = currencies.currency_code

),

checked as (

    select
        *,
        {{ first_fault([
            ['billing_account_id', 'billing_account_id', 'billing_account_id is null', 'is empty'],
            ['billing_currency', 'billing_currency', 'billing_currency is not null and known_currency is null',
             'is no ISO 4217 currency code'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('content_hash', ['billing_account_id']) }} as is_contradicted
    from checked

)

select
    billing_account_id,
    billing_account_name,
    billing_currency,
    known_currency,
    {{ fault_or_contradiction('billing_account_id') }},
    _file,
    _line
from compared
