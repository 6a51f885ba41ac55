{{ rejected_rows_of(
    ref('stg_billing__billing_periods_checked'), 'billing', 'billing_periods', 'billing_period'
) }}
