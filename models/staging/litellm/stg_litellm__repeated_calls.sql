{{ config(materialized='table') }}

{{ repeated_keys(ref('stg_litellm__calls'), 'call_key') }}
