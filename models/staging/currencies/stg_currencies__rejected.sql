{{ rejected_rows_of(
    ref('stg_currencies__exchange_rates_checked'), 'currencies', 'exchange_rates',
    "rate_date || ' ' || from_currency || ' ' || to_currency"
) }}

union all

{{ rejected_rows_of(
    ref('stg_currencies__billing_accounts_checked'), 'currencies', 'billing_accounts', 'billing_account_id'
) }}
