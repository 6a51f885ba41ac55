{{ config(enabled='litellm' in usage_sources()) }}

{{ rejected_rows_of(ref('stg_litellm__calls'), 'litellm', 'litellm_spend_logs', 'call_id') }}
