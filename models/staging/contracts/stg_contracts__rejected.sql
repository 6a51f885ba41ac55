{{ rejected_rows_of(
    ref('stg_contracts__contract_checks'), 'contracts', 'contracts', 'contract_id') }}

union all

{{ rejected_rows_of(
    ref('stg_contracts__commitment_checks'), 'contracts', 'commitments', 'commitment_id') }}
