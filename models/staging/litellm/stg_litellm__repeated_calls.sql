{{ config(materialized='table', enabled='litellm' in usage_sources()) }}

{{ repeated_keys(ref('stg_litellm__calls'), 'call_key') }}
