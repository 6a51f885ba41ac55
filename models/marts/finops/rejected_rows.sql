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
