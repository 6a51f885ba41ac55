{{ config(materialized='table') }}

with

raw_contracts as (

    select * from {{ raw('contracts') }}

)

select
    contract_id,
    provider,
    issuer,
    billing_account,
    currency,
    contract_start,
    contract_end,
    description,
    _file,
    _line,
    _fault
from raw_contracts
