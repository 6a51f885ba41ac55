{{ config(materialized='table') }}

with

raw_contracts as (

    select * from {{ raw('contracts') }} as raw_rows

),

provider_names as (

    select * from {{ ref('stg_contracts__provider_names') }}

)

select
    raw_contracts.contract_id,
    coalesce(provider_names.service_provider_name, raw_contracts.provider) as provider,
    raw_contracts.issuer,
    raw_contracts.billing_account,
    raw_contracts.currency,
    raw_contracts.contract_start,
    raw_contracts.contract_end,
    raw_contracts.description,
    raw_contracts._file,
    raw_contracts._line,
    raw_contracts._fault
from raw_contracts
left join provider_names
    on lower(raw_contracts.provider) = provider_names.provider_name
