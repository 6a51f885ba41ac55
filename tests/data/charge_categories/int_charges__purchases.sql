with purchases as (

    select
        'oai-prepaid-2026:2026-10' as charge_id,
        'Purchase' as charge_category,
        'One-Time' as charge_frequency,
        'Standard' as pricing_category,
        'openai/purchases' as sku_id,
        'openai/purchases/2026' as sku_price_id,
        'oai-prepaid-2026' as commitment_id,
        cast(1000 as decimal(18, 6)) as commitment_quantity,
        cast(1 as decimal(18, 6)) as pricing_quantity,
        'Commitments' as pricing_unit,
        cast(1000 as decimal(20, 12)) as list_unit_price,
        cast(1000 as decimal(20, 12)) as contracted_unit_price,
        'Prepaid credit' as charge_description,
        'invoiced' as cost_basis,
        timestamp '2026-10-01 00:00:00' as billing_period_start,
        timestamp '2026-10-01 00:00:00' as charge_period_start,
        timestamp '2026-11-01 00:00:00' as charge_period_end,
        'contracts' as source_name,
        'acme' as billing_account_id,
        'Acme' as billing_account_name,
        'openai' as provider,
        'USD' as billing_currency,
        1000 as list_cost,
        1000 as contracted_cost,
        1000 as billed_cost,
        0 as effective_cost

)

{{ select_charges('purchases', [
    'charge_id', 'charge_category', 'charge_frequency', 'charge_description', 'cost_basis', 'billing_period_start',
    'charge_period_start', 'charge_period_end', 'source_name', 'billing_account_id', 'billing_account_name', 'provider',
    'billing_currency', 'list_cost', 'contracted_cost', 'billed_cost', 'effective_cost',
    'pricing_category', 'sku_id', 'sku_price_id', 'commitment_id', 'commitment_quantity', 'pricing_quantity', 'pricing_unit', 'list_unit_price',
    'contracted_unit_price',
]) }}
