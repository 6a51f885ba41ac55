with

contract_checks as (

    select * from {{ ref('stg_contracts__contract_checks') }}

),

numbered as (

    select
        contract_checks.*,
        row_number() over (
            partition by contract_id, lower(provider) order by content_hash desc
        ) as delivery
    from contract_checks
    where fault_reason is null

)

select
    contract_id,
    provider as service_provider_name,
    issuer as invoice_issuer_name,
    billing_account as billing_account_id,
    currency_code as billing_currency,
    contract_period_start,
    contract_period_end
from numbered
where delivery = 1
