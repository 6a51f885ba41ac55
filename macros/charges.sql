{#- The columns of a charge, in their order: what every model of a category gives and int_charges has. -#}
{% macro charge_columns() %}
{%- set text, time, quantity, price, cost = text_type(), timestamp_type(), quantity_type(), price_type(), cost_type() -%}
{{ return({
    'charge_id': text,
    'charge_category': text,
    'charge_class': text,
    'correction_kind': text,
    'charge_frequency': text,
    'pricing_category': text,
    'charge_description': text,
    'cost_basis': text,
    'billing_period_start': time,
    'charge_period_start': time,
    'charge_period_end': time,
    'source_name': text,
    'call_key': text,
    'call_id': text,
    'started_at': time,
    'ended_at': time,
    'model_as_sent': text,
    'deployment': text,
    'billing_account_id': text,
    'billing_account_name': text,
    'sub_account_id': text,
    'sub_account_name': text,
    'allocation_rule': text,
    'provider': text,
    'region_id': text,
    'meter': text,
    'slice_above': whole_type(),
    'sku_id': text,
    'sku_price_id': text,
    'meter_price_id': text,
    'contract_price_id': text,
    'price_rule': text,
    'commitment_id': text,
    'commitment_status': text,
    'commitment_quantity': quantity,
    'invoice_id': text,
    'invoice_detail_id': text,
    'consumed_quantity': quantity,
    'pricing_quantity': quantity,
    'pricing_unit': text,
    'billing_currency': text,
    'list_unit_price': price,
    'contracted_unit_price': price,
    'list_cost': cost,
    'contracted_cost': cost,
    'billed_cost': cost,
    'effective_cost': cost,
    'pricing_currency': text,
    'pricing_currency_list_unit_price': price,
    'pricing_currency_contracted_unit_price': price,
    'pricing_currency_effective_cost': cost,
    'tags_json': text,
    'shared_tags_json': text,
}) }}
{% endmacro %}

{#- The columns of a charge from a relation that has some of them; the others are null. -#}
{% macro select_charges(relation, columns) %}
select
    {%- for column, type in charge_columns().items() %}
    cast({{ relation ~ '.' ~ column if column in columns else 'null' }} as {{ type }}) as {{ column }}
    {{- ',' if not loop.last }}
    {%- endfor %}
from {{ relation }}
{%- endmacro %}

{#- Those that a charge for usage has; what they are of is given where they are made. -#}
{% macro usage_charge_columns() %}
{{ return([
    'charge_id', 'charge_category', 'charge_frequency', 'pricing_category', 'cost_basis', 'billing_period_start',
    'charge_period_start', 'charge_period_end', 'source_name', 'call_key', 'call_id', 'started_at', 'ended_at',
    'model_as_sent', 'deployment', 'billing_account_id', 'billing_account_name', 'sub_account_id', 'sub_account_name',
    'allocation_rule', 'region_id', 'meter', 'slice_above', 'meter_price_id', 'contract_price_id', 'price_rule', 'consumed_quantity',
    'pricing_quantity', 'billing_currency', 'list_unit_price', 'contracted_unit_price', 'list_cost', 'contracted_cost',
    'billed_cost', 'effective_cost', 'pricing_currency', 'pricing_currency_list_unit_price',
    'pricing_currency_contracted_unit_price', 'pricing_currency_effective_cost', 'tags_json', 'shared_tags_json',
]) }}
{% endmacro %}

{#- The id of a charge for usage: its call and meter, and the slice of its quantity. -#}
{% macro usage_charge_id(usage) -%}
{{ usage }}.call_key || ':' || {{ usage }}.meter
        || case
            when {{ usage }}.slice_above > 0
                then ':above-' || cast({{ usage }}.slice_above as {{ text_type() }})
            else ''
        end
{%- endmacro %}

{#- An amount that the source states and takes off is a credit, which consumes nothing. -#}
{% macro usage_charge_category(usage) -%}
case when {{ usage }}.price_rule = 'stated' and {{ usage }}.consumed_quantity < 0 then 'Credit' else 'Usage' end
{%- endmacro %}

{% macro usage_consumed_quantity(usage) -%}
case
            when {{ usage }}.price_rule = 'stated' and {{ usage }}.consumed_quantity < 0 then null
            else {{ usage }}.consumed_quantity
        end
{%- endmacro %}

{% macro usage_cost_basis(usage) -%}
case when {{ usage }}.price_rule = 'stated' then 'stated' else 'computed' end
{%- endmacro %}
