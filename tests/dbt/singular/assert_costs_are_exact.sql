{#- A cost is its unit price times the pricing quantity, to the last of 18 decimals, and pay-as-you-go
    usage is billed and worth what was contracted. (The daily grain shows it by its FOCUS rules.) -#}
{%- set wrong -%}
list_cost is null
    or contracted_cost is null
    or billed_cost is null
    or effective_cost is null
    or list_cost <> {{ multiply_price('list_unit_price', 'pricing_quantity') }}
    or contracted_cost <> {{ multiply_price('contracted_unit_price', 'pricing_quantity') }}
    or (charge_category = 'Usage' and (list_unit_price is null or contracted_unit_price is null))
    or (charge_category = 'Usage' and effective_cost <> contracted_cost)
    -- what a commitment pays for was billed when it was bought
    or (charge_category = 'Usage' and commitment_id is null and billed_cost <> contracted_cost)
    or pricing_currency = billing_currency
    or (pricing_currency is not null and pricing_currency_effective_cost is null)
    or pricing_currency_effective_cost
    <> {{ multiply_price('pricing_currency_contracted_unit_price', 'pricing_quantity') }}
{%- endset -%}
select call_key, meter
from {{ ref('int_charges') }}
where
    {{ wrong }}
