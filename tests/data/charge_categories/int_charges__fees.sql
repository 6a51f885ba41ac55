with fees as (

    select
        'fee:2026-10' as charge_id,
        'Purchase' as charge_category,
        'Recurring' as charge_frequency,
        'Standard' as pricing_category,
        'openai/fees' as sku_id,
        'openai/fees/2026' as sku_price_id,
        cast(1 as decimal(18, 6)) as pricing_quantity,
        'Months' as pricing_unit,
        cast(100 as decimal(20, 12)) as list_unit_price,
        cast(100 as decimal(20, 12)) as contracted_unit_price,
        'invoice-1' as invoice_id,
        'Support plan' as charge_description,
        'invoiced' as cost_basis,
        timestamp '2026-10-01 00:00:00' as billing_period_start,
        timestamp '2026-10-01 00:00:00' as charge_period_start,
        timestamp '2026-11-01 00:00:00' as charge_period_end,
        'contracts' as source_name,
        'acme' as billing_account_id,
        'Acme' as billing_account_name,
        'openai' as provider,
        'USD' as billing_currency,
        100 as list_cost,
        100 as contracted_cost,
        100 as billed_cost,
        100 as effective_cost

)

{{ select_charges('fees', [
    'charge_id', 'charge_category', 'charge_frequency', 'charge_description', 'cost_basis', 'billing_period_start',
    'charge_period_start', 'charge_period_end', 'source_name', 'billing_account_id', 'billing_account_name', 'provider',
    'billing_currency', 'list_cost', 'contracted_cost', 'billed_cost', 'effective_cost',
    'pricing_category', 'sku_id', 'sku_price_id', 'pricing_quantity', 'pricing_unit', 'list_unit_price', 'contracted_unit_price', 'invoice_id',
]) }}
