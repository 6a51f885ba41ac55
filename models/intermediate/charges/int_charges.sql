{{ config(physical_design('billing_period_start', 'charge_period_start')) }}
{{ config(charges_config()) }}

{#- Every charge of every category, the only union. Narrow: names come from dimensions later. -#}

-- depends_on: {{ ref('int_charge_inputs') }}
select * from {{ ref('int_usage_charges') }}

union all

select * from {{ ref('int_usage_corrections') }}
