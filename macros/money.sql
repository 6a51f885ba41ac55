{#- Unit price x quantity, exact to 18 decimals on every engine (FOCUS ListCost, ContractedCost). -#}
{% macro multiply_price(price, quantity) %}
{{- return(adapter.dispatch('multiply_price', 'ai_focus')(price, quantity)) -}}
{% endmacro %}

{% macro default__multiply_price(price, quantity) -%}
cast(cast({{ price }} as decimal(20, 12)) * cast({{ quantity }} as decimal(18, 6)) as decimal(38, 18))
{%- endmacro %}

{#- Snowflake keeps max(s1, s2, 12) decimals of a product, so one factor must carry all 18. -#}
{% macro snowflake__multiply_price(price, quantity) -%}
cast(cast({{ price }} as number(38, 18)) * cast({{ quantity }} as number(18, 6)) as number(38, 18))
{%- endmacro %}

{% macro bigquery__multiply_price(price, quantity) -%}
cast({{ price }} as bignumeric) * cast({{ quantity }} as bignumeric)
{%- endmacro %}

{#- A unit price less a discount in percent, rounded once, half up, to 12 decimals. -#}
{% macro discounted_price(price, discount_percentage) %}
{{- return(adapter.dispatch('discounted_price', 'ai_focus')(price, discount_percentage)) -}}
{% endmacro %}

{% macro default__discounted_price(price, discount_percentage) -%}
{{ multiplied_price(
    price, 'cast((100 - cast(' ~ discount_percentage ~ ' as decimal(9, 6))) * 0.01 as decimal(10, 8))'
) }}
{%- endmacro %}

{% macro bigquery__discounted_price(price, discount_percentage) -%}
{{ multiplied_price(price, "(100 - cast(" ~ discount_percentage ~ " as bignumeric)) * bignumeric '0.01'") }}
{%- endmacro %}

{#- A unit price times a factor of up to 8 decimals, rounded once, half up, to 12 decimals. -#}
{% macro multiplied_price(price, factor) %}
{{- return(adapter.dispatch('multiplied_price', 'ai_focus')(price, factor)) -}}
{% endmacro %}

{% macro default__multiplied_price(price, factor) -%}
cast(
    round(cast({{ price }} as decimal(20, 12)) * cast({{ factor }} as decimal(10, 8)), 12) as decimal(20, 12)
)
{%- endmacro %}

{% macro snowflake__multiplied_price(price, factor) -%}
cast(
    round(cast({{ price }} as number(38, 20)) * cast({{ factor }} as number(10, 8)), 12) as number(20, 12)
)
{%- endmacro %}

{% macro bigquery__multiplied_price(price, factor) -%}
round(cast({{ price }} as bignumeric) * cast(({{ factor }}) as bignumeric), 12)
{%- endmacro %}

{#- A unit price in another currency: times the exchange rate, rounded once, half up, to 12 decimals; null
    where that has more digits than a unit price can have. -#}
{% macro converted_price(price, exchange_rate) %}
{{- return(adapter.dispatch('converted_price', 'ai_focus')(price, exchange_rate)) -}}
{% endmacro %}

{% macro default__converted_price(price, exchange_rate) -%}
{%- set product = 'cast(' ~ price ~ ' as decimal(20, 12)) * cast(' ~ exchange_rate ~ ' as decimal(18, 12))' -%}
case when {{ product }} < 99999999 then cast(round({{ product }}, 12) as decimal(20, 12)) end
{%- endmacro %}

{#- Snowflake keeps max(s1, s2, 12) decimals of a product, so one factor must carry all 24. -#}
{% macro snowflake__converted_price(price, exchange_rate) -%}
{%- set product = 'cast(' ~ price ~ ' as number(38, 24)) * cast(' ~ exchange_rate ~ ' as number(18, 12))' -%}
case when {{ product }} < 99999999 then cast(round({{ product }}, 12) as number(20, 12)) end
{%- endmacro %}

{% macro bigquery__converted_price(price, exchange_rate) -%}
{%- set product = 'cast(' ~ price ~ ' as bignumeric) * cast(' ~ exchange_rate ~ ' as bignumeric)' -%}
case when {{ product }} < 99999999 then round({{ product }}, 12) end
{%- endmacro %}

{#- Units per pricing unit: tokens / 10^6 is exact in the quantity type, so it is a multiplication. -#}
{% macro pricing_quantity(quantity, pricing_block) -%}
cast(
    case {{ pricing_block }}
        when 1000000 then cast({{ quantity }} as {{ quantity_type() }}) * cast('0.000001' as {{ quantity_type() }})
        when 1000 then cast({{ quantity }} as {{ quantity_type() }}) * {{ one_thousandth() }}
        when 1 then cast({{ quantity }} as {{ quantity_type() }})
    end as {{ quantity_type() }}
)
{%- endmacro %}

{#- With 6 decimals, a product of ten digits and this would not fit 18 digits in DuckDB. -#}
{% macro one_thousandth() %}{{ return(adapter.dispatch('one_thousandth', 'ai_focus')()) }}{% endmacro %}
{% macro default__one_thousandth() %}cast('0.001' as decimal(18, 3)){% endmacro %}
{% macro bigquery__one_thousandth() %}bignumeric '0.001'{% endmacro %}
