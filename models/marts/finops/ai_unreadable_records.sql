with rejected as (

    select
        source_name,
        raw_table,
        _file as file,
        _line as line,
        call_id as record_key,
        fault_field as field,
        fault_reason as reason,
        fault_value as raw_value
    from {{ ref('int_usage_records') }}
    where fault_reason is not null

    {%- for name in [
        'stg_contracts__rejected', 'stg_pricing__rejected', 'stg_billing__rejected', 'stg_currencies__rejected',
        'stg_allocation__rejected',
        'int_contract_prices_rejected',
    ] %}

    union all

    select
        source_name,
        raw_table,
        file,
        line,
        record_key,
        field,
        reason,
        raw_value
    from {{ ref(name) }}
    {%- endfor %}

),

numbered as (

    select
        *,
        row_number() over (
            partition by source_name, raw_table, file, line, record_key order by field, reason, raw_value
        ) as fault_number
    from rejected

)

select
    source_name,
    raw_table,
    file,
    line,
    record_key,
    field,
    reason,
    raw_value,
    -- a record with several faults is one; of rows without line and key nothing says that two are one
    cast(
        case when fault_number = 1 or (line is null and record_key is null) then 1 else 0 end as {{ whole_type() }}
    ) as records
from numbered
