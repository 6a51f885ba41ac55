{{ config(materialized='table', enabled='gateway' in usage_sources()) }}

{{ repeated_keys(ref('stg_gateway__calls'), 'call_key') }}
