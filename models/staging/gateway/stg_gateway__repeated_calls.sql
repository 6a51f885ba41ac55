{{ config(materialized='table') }}

{{ repeated_keys(ref('stg_gateway__calls'), 'call_key') }}
