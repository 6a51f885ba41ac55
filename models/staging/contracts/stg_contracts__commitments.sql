with

commitment_checks as (

    select * from {{ ref('stg_contracts__commitment_checks') }}

),

numbered as (

    -- an id is unique within its provider (FOCUS ContractCommitmentId)
    select
        commitment_checks.*,
        row_number() over (
            partition by commitment_id, lower(provider_name)
            order by contract_commitment_last_updated desc, content_hash desc
        ) as delivery
    from commitment_checks
    where fault_reason is null

)

select
    commitment_id as contract_commitment_id,
    contract_id,
    provider_name as service_provider_name,
    invoice_issuer as invoice_issuer_name,
    billing_account as billing_account_id,
    offer_name as commitment_name,
    contract_commitment_description,
    source_document,
    contract_period_start,
    contract_period_end,
    contract_commitment_period_start,
    contract_commitment_period_end,
    contract_commitment_type,
    contract_commitment_offer_category,
    contract_commitment_model,
    contract_commitment_category,
    contract_commitment_benefit_category,
    contract_commitment_lifecycle_status,
    contract_commitment_duration_type,
    contract_commitment_fulfillment_interval,
    contract_commitment_payment_model,
    contract_commitment_payment_interval,
    contract_commitment_payment_upfront_percentage,
    billing_currency,
    contract_commitment_cost,
    contract_commitment_quantity,
    contract_commitment_unit,
    contract_commitment_discount_percentage,
    contract_commitment_applicability,
    contract_commitment_created,
    contract_commitment_last_updated
from numbered
where delivery = 1
