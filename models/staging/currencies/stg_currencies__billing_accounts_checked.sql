{{ config(materialized='table') }}

with billing_accounts as (

    select * from {{ raw('billing_accounts') }} as raw_rows

),

currencies as (

    select * from {{ ref('currencies') }}

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

compared as (

    select
        *,
        min(content_hash) over (partition by billing_account_id) as first_content,
        max(content_hash) over (partition by billing_account_id) as last_content
    from typed

)

select
    *,
    {{ first_fault([
        ['billing_account_id', 'billing_account_id', 'billing_account_id is null', 'is empty'],
        ['billing_currency', 'billing_currency', 'billing_currency is not null and known_currency is null',
         'is no ISO 4217 currency code'],
        ['billing_account_id', 'billing_account_id', 'first_content <> last_content',
         'is given twice with different values'],
    ]) }}
from compared
