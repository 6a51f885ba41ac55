{{ config(enabled='gateway' in usage_sources()) }}

{{ rejected_rows_of(ref('stg_gateway__calls'), 'gateway', 'gateway_calls', 'call_id') }}
