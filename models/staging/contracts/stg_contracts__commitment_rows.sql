{{ config(materialized='table') }}

with

raw_commitments as (

    select * from {{ raw('commitments') }} as raw_rows

),

provider_names as (

    select * from {{ ref('stg_contracts__provider_names') }}

)

select
    raw_commitments.commitment_id,
    raw_commitments.contract_id,
    coalesce(provider_names.service_provider_name, raw_commitments.provider_name) as provider_name,
    raw_commitments.invoice_issuer_name,
    raw_commitments.offer_name,
    raw_commitments.offer_category,
    raw_commitments.offer_origin,
    raw_commitments.commitment_model,
    raw_commitments.category,
    raw_commitments.benefit_category,
    raw_commitments.contract_start_utc,
    raw_commitments.contract_end_utc,
    raw_commitments.commitment_start_utc,
    raw_commitments.commitment_end_utc,
    raw_commitments.duration,
    raw_commitments.fulfillment_interval,
    raw_commitments.quantity,
    raw_commitments.quantity_unit,
    raw_commitments.unit_cost,
    raw_commitments.unit_cost_period,
    raw_commitments.total_cost,
    raw_commitments.currency,
    raw_commitments.payment_model,
    raw_commitments.upfront_pct,
    raw_commitments.payment_interval,
    raw_commitments.discount_pct,
    raw_commitments.scope_json,
    raw_commitments.billing_account_id,
    raw_commitments.status,
    raw_commitments.superseded_by,
    raw_commitments.created_at_utc,
    raw_commitments.updated_at_utc,
    raw_commitments.source_document,
    raw_commitments.description,
    raw_commitments._file,
    raw_commitments._line,
    raw_commitments._fault
from raw_commitments
left join provider_names
    on lower(raw_commitments.provider_name) = provider_names.provider_name
