with checked as (

    select * from {{ ref('stg_billing__billing_periods_checked') }}

)

-- a closing delivered twice counts once
select distinct
    invoice_issuer_name,
    billing_period_start,
    {{ month_number('billing_period_start') }} as period_number,
    closed_at_instant as closed_at
from checked
where
    fault_reason is null
    {%- if var('price_book_as_of') %}
    and closed_at_instant <= {{ price_book_as_of() }}
    {%- endif %}
