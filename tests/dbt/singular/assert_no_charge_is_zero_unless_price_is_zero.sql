{#- Usage that is charged has a quantity, and costs nothing only where its price says so: a price that
    is missing holds the call back and never makes it free. (A correction may be negative.) -#}
select call_key, meter
from {{ ref('int_charges') }}
where
    charge_category = 'Usage'
    and charge_class is null
    and (
        coalesce(consumed_quantity, 0) <= 0
        or coalesce(pricing_quantity, 0) <= 0
        or (coalesce(list_cost, 0) <= 0 and coalesce(list_unit_price, -1) <> 0)
        or (coalesce(contracted_cost, 0) <= 0 and coalesce(contracted_unit_price, -1) <> 0)
        or (coalesce(billed_cost, 0) <= 0 and coalesce(contracted_unit_price, -1) <> 0 and commitment_id is null)
    )
