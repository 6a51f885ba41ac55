{#- FOCUS rows get their names from the SKU of their price or from the provider, and each charge has one row. -#}
with focus as (

    select
        x_ChargeId,
        count(*) as rows_of_charge,
        count(ServiceProviderName) as named_rows
    from {{ ref('int_focus_cost_and_usage') }}
    where grain = 'call'
    group by x_ChargeId

)

select
    charges.charge_id,
    charges.meter_price_id,
    focus.rows_of_charge
from {{ ref('int_charges') }} as charges
left join focus
    on charges.charge_id = focus.x_ChargeId
where
    coalesce(focus.rows_of_charge, 0) <> 1
    or focus.named_rows <> 1
