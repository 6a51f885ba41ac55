{%- set content = [
    'contract_id', 'provider', 'issuer', 'billing_account', 'currency', 'contract_start',
    'contract_end', 'description',
] -%}
{%- set checks = [
    ('contract_id', 'contract_id', 'contract_id is null', ''),
    ('provider', 'provider', 'provider is null', ''),
    ('start', 'contract_start', 'contract_period_start is null', 'is no date'),
    ('end', 'contract_end', 'contract_period_end is null', 'is no date'),
    ('end', 'contract_end', 'contract_period_end <= contract_period_start',
        'is not after the start'),
    ('currency', 'currency', 'currency is not null and currency_code is null',
        'is no ISO 4217 currency code'),
] -%}

with

contract_rows as (

    select * from {{ ref('stg_contracts__contract_rows') }}

),

currencies as (

    select * from {{ ref('currencies') }}

),

typed as (

    select
        contract_rows.*,
        {{ to_utc_timestamp('contract_rows.contract_start') }} as contract_period_start,
        {{ to_utc_timestamp('contract_rows.contract_end') }} as contract_period_end,
        currencies.currency_code,
        {{ commitment_content('contract_rows', content) }} as content_hash
    from contract_rows
    left join currencies
        on upper(contract_rows.currency) = currencies.currency_code

),

checked as (

    select
        typed.*,
        {{ first_fault(checks) }}
    from typed

),

ranked as (

    -- a contract carries no date of change, so of two contents the greater hash stands, always
    -- the same one, and the other is shown as rejected
    select
        checked.*,
        dense_rank() over (
            partition by
                contract_id,
                lower(provider),
                case when fault_reason is null then 0 else 1 end
            order by content_hash desc
        ) as content_rank
    from checked

)

select
    contract_id,
    provider,
    issuer,
    billing_account,
    currency_code,
    contract_period_start,
    contract_period_end,
    description,
    content_hash,
    case
        when fault_reason is null and content_rank > 1 then 'contract_id'
        else fault_field
    end as fault_field,
    case
        when fault_reason is null and content_rank > 1
            then {{ sql_text("contract_id '") }} || contract_id
                || {{ sql_text("' is given twice with different values.") }}
        else fault_reason
    end as fault_reason,
    case
        when fault_reason is null and content_rank > 1 then contract_id
        else fault_value
    end as fault_value,
    _file,
    _line
from ranked
