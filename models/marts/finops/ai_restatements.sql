{#- A pair of corrections, or the one that there is, as one row: a correction's class keeps both in one month. -#}

with corrections as (

    select
        charges.call_key,
        charges.meter,
        charges.slice_above,
        charges.billing_period_start,
        charges.source_name,
        charges.call_id,
        charges.billing_account_id,
        charges.sub_account_id,
        charges.charge_period_start,
        charges.correction_kind,
        charges.consumed_quantity,
        charges.contracted_unit_price,
        charges.billed_cost,
        charges.billing_currency,
        sku_prices.provider,
        sku_prices.model
    from {{ ref('int_charges') }} as charges
    left join {{ ref('int_sku_prices') }} as sku_prices
        on charges.meter_price_id = sku_prices.meter_price_id
    where charges.charge_class = 'Correction'

),

old_charges as (

    select * from corrections where correction_kind = 'reversal'

),

new_charges as (

    select * from corrections where correction_kind = 'correction'

),

restatements as (

    select
        {%- for column in [
            'call_key', 'meter', 'slice_above', 'billing_period_start', 'source_name', 'call_id', 'billing_account_id',
            'sub_account_id', 'provider', 'model', 'charge_period_start', 'billing_currency',
        ] %}
        coalesce(new_charges.{{ column }}, old_charges.{{ column }}) as {{ column }},
        {%- endfor %}
        {%- for side, sign in [('old', '-'), ('new', '')] %}
        {%- for column in ['consumed_quantity', 'billed_cost'] %}
        {{ sign }}{{ side }}_charges.{{ column }} as {{ side }}_{{ column }},
        {%- endfor %}
        {{ side }}_charges.contracted_unit_price as {{ side }}_contracted_unit_price{{ ',' if not loop.last }}
        {%- endfor %}
    from old_charges
    full outer join new_charges
        on
            old_charges.call_key = new_charges.call_key
            and old_charges.meter = new_charges.meter
            and coalesce(old_charges.slice_above, 0) = coalesce(new_charges.slice_above, 0)
            and old_charges.billing_period_start = new_charges.billing_period_start
            -- costs in two currencies have no difference
            and old_charges.billing_currency = new_charges.billing_currency

)

select
    call_key,
    meter,
    slice_above,
    billing_period_start,
    source_name,
    call_id,
    billing_account_id,
    sub_account_id,
    provider,
    model,
    charge_period_start,
    cast(
        case
            when old_billed_cost is null then 'charged_later'
            when new_billed_cost is null then 'taken_back'
            when old_consumed_quantity = new_consumed_quantity
                and old_contracted_unit_price <> new_contracted_unit_price
                then 'repriced'
            else 'restated'
        end as {{ text_type() }}
    ) as restatement_type,
    cast(old_consumed_quantity as {{ quantity_type() }}) as old_consumed_quantity,
    cast(new_consumed_quantity as {{ quantity_type() }}) as new_consumed_quantity,
    cast(coalesce(new_consumed_quantity, 0) - coalesce(old_consumed_quantity, 0) as {{ quantity_type() }})
        as consumed_quantity_difference,
    cast(old_contracted_unit_price as {{ price_type() }}) as old_contracted_unit_price,
    cast(new_contracted_unit_price as {{ price_type() }}) as new_contracted_unit_price,
    cast(old_billed_cost as {{ cost_type() }}) as old_billed_cost,
    cast(new_billed_cost as {{ cost_type() }}) as new_billed_cost,
    cast(coalesce(new_billed_cost, 0) - coalesce(old_billed_cost, 0) as {{ cost_type() }}) as billed_cost_difference,
    billing_currency
from restatements
