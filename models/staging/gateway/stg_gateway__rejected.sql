{{ rejected_rows_of(ref('stg_gateway__calls'), 'gateway', 'gateway_calls', 'call_id') }}
