{{ rejected_rows_of(
    ref('stg_contracts__contract_checks'), 'contracts', 'contracts', 'contract_id') }}

union all

{{ rejected_rows_of(
    ref('stg_contracts__commitment_checks'), 'contracts', 'commitments', 'commitment_id') }}

union all

-- of two contents with one date of change the same one stands every time, and the other is told
select
    cast('contracts' as {{ text_type() }}) as source_name,
    cast('commitments' as {{ text_type() }}) as raw_table,
    _file as file,
    _line as line,
    commitment_id as record_key,
    'commitment_id' as field,
    {{ sql_text("commitment_id '") }} || commitment_id
    || {{ sql_text("' is given twice with different values and one date of change.") }} as reason,
    commitment_id as raw_value
from (
    select
        *,
        dense_rank() over (
            partition by commitment_id, lower(provider_name), contract_commitment_last_updated
            order by content_hash desc
        ) as content_rank
    from {{ ref('stg_contracts__commitment_checks') }}
    where fault_reason is null
) as ranked
where content_rank > 1
