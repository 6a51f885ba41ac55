with taxes as (

    select
        'tax:2026-10' as charge_id,
        'Tax' as charge_category,
        'One-Time' as charge_frequency,
        'VAT, 19 %' as charge_description,
        'invoiced' as cost_basis,
        timestamp '2026-10-01 00:00:00' as billing_period_start,
        timestamp '2026-10-01 00:00:00' as charge_period_start,
        timestamp '2026-11-01 00:00:00' as charge_period_end,
        'contracts' as source_name,
        'acme' as billing_account_id,
        'Acme' as billing_account_name,
        'openai' as provider,
        'USD' as billing_currency,
        190 as list_cost,
        190 as contracted_cost,
        190 as billed_cost,
        190 as effective_cost

)

{{ select_charges('taxes', [
    'charge_id', 'charge_category', 'charge_frequency', 'charge_description', 'cost_basis', 'billing_period_start',
    'charge_period_start', 'charge_period_end', 'source_name', 'billing_account_id', 'billing_account_name', 'provider',
    'billing_currency', 'list_cost', 'contracted_cost', 'billed_cost', 'effective_cost',
]) }}
