{#- One row per call and meter that is charged: billable, and priced in all its meters. -#}

with usage_priced as (

    select * from {{ ref('int_usage_priced') }}

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

)

select
    usage_priced.call_key,
    source_name,
    call_id,
    billing_account_id,
    billing_account_name,
    sub_account_id,
    sub_account_name,
    served_model,
    deployment,
    meter,
    meter_price_id,
    contract_price_id,
    region_id,
    started_at,
    ended_at,
    charge_period_start,
    charge_period_end,
    'Usage' as charge_category,
    consumed_units as consumed_quantity,
    pricing_quantity,
    currency as billing_currency,
    list_unit_price,
    contracted_unit_price,
    {{ multiply_price('list_unit_price', 'pricing_quantity') }} as list_cost,
    {{ multiply_price('contracted_unit_price', 'pricing_quantity') }} as contracted_cost,
    -- pay-as-you-go: what is contracted is what is billed and what it is worth
    {{ multiply_price('contracted_unit_price', 'pricing_quantity') }} as billed_cost,
    {{ multiply_price('contracted_unit_price', 'pricing_quantity') }} as effective_cost,
    price_rule,
    tags_json,
    shared_tags_json
from usage_priced
left join held_calls
    on usage_priced.call_key = held_calls.call_key
where
    not usage_priced.is_cache_hit
    and held_calls.call_key is null
