{#- One row per call, meter and slice that is charged in the period of the call: billable, and priced in
    all its meters by what is known, or was known when the period closed. -#}

with usage_priced as (

    select * from {{ ref('int_usage_priced') }}

),

-- a row per meter: distinct calls would make DuckDB expect a single charge, and join as if there were
unpriced_calls as (

    select call_key from {{ ref('int_unpriced_usage') }} where booking_number = 0

),

charged as (

    select
        {{ usage_charge_id('usage_priced') }} as charge_id,
        {{ usage_charge_category('usage_priced') }} as charge_category,
        'Usage-Based' as charge_frequency,
        'Standard' as pricing_category,
        {{ usage_cost_basis('usage_priced') }} as cost_basis,
        booked_in as billing_period_start,
        charge_period_start,
        charge_period_end,
        source_name,
        usage_priced.call_key,
        call_id,
        started_at,
        ended_at,
        model_as_sent,
        deployment,
        billing_account_id,
        billing_account_name,
        sub_account_id,
        sub_account_name,
        allocation_rule,
        region_id,
        meter,
        slice_above,
        meter_price_id,
        contract_price_id,
        price_rule,
        {{ usage_consumed_quantity('usage_priced') }} as consumed_quantity,
        pricing_quantity,
        currency as billing_currency,
        list_unit_price,
        contracted_unit_price,
        list_cost,
        contracted_cost,
        -- pay-as-you-go: what is contracted is what is billed and what it is worth
        contracted_cost as billed_cost,
        contracted_cost as effective_cost,
        pricing_currency,
        pricing_currency_list_unit_price,
        pricing_currency_contracted_unit_price,
        pricing_currency_contracted_cost as pricing_currency_effective_cost,
        tags_json,
        shared_tags_json
    from usage_priced
    left join unpriced_calls
        on usage_priced.call_key = unpriced_calls.call_key
    where
        usage_priced.booking_number = 0
        and not usage_priced.is_cache_hit
        and unpriced_calls.call_key is null

)

{{ select_charges('charged', usage_charge_columns()) }}
