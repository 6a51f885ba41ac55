{#- A cost is its unit price times the pricing quantity, to the last of 18 decimals, and pay-as-you-go
    usage is billed and worth what was contracted. In both grains. -#}
{%- set wrong -%}
list_cost is null
    or contracted_cost is null
    or billed_cost is null
    or effective_cost is null
    or list_cost <> {{ multiply_price('list_unit_price', 'pricing_quantity') }}
    or contracted_cost <> {{ multiply_price('contracted_unit_price', 'pricing_quantity') }}
    or (charge_category = 'Usage' and cost_basis = 'computed' and billed_cost <> contracted_cost)
    or (charge_category = 'Usage' and cost_basis = 'computed' and effective_cost <> contracted_cost)
{%- endset -%}
select 'call' as grain, meter_price_id
from {{ ref('int_charges') }}
where
    {{ wrong }}

union all

select 'day' as grain, meter_price_id
from {{ ref('int_charges_daily') }}
where
    {{ wrong }}
