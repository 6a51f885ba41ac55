{{ config(materialized='table') }}

with

raw_commitments as (

    select * from {{ raw('commitments') }}

)

select
    commitment_id,
    contract_id,
    provider_name,
    invoice_issuer_name,
    offer_name,
    offer_category,
    offer_origin,
    commitment_model,
    category,
    benefit_category,
    contract_start_utc,
    contract_end_utc,
    commitment_start_utc,
    commitment_end_utc,
    duration,
    fulfillment_interval,
    quantity,
    quantity_unit,
    unit_cost,
    unit_cost_period,
    total_cost,
    currency,
    payment_model,
    upfront_pct,
    payment_interval,
    discount_pct,
    scope_json,
    billing_account_id,
    status,
    superseded_by,
    created_at_utc,
    updated_at_utc,
    source_document,
    description,
    _file,
    _line,
    _fault
from raw_commitments
