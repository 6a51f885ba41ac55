with checked as (

    select * from {{ ref('stg_currencies__billing_accounts_checked') }}

)

-- an account delivered twice counts once
select distinct
    billing_account_id,
    billing_account_name,
    known_currency as billing_currency
from checked
where fault_reason is null
