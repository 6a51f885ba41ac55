{#- Unit price x quantity, exact to 18 decimals on every engine (FOCUS ListCost, ContractedCost). -#}
{% macro multiply_price(price, quantity) %}
{{- return(adapter.dispatch('multiply_price', 'ai_focus')(price, quantity)) -}}
{% endmacro %}

{% macro default__multiply_price(price, quantity) -%}
cast(cast({{ price }} as decimal(20, 12)) * cast({{ quantity }} as decimal(18, 6)) as decimal(38, 18))
{%- endmacro %}

{#- Snowflake keeps max(s1, s2, 12) decimals of a product, and the digits that it works with are 38 in all. So
    two whole numbers are multiplied, and the factor that puts the point back carries all decimals. -#}
{% macro snowflake__exact_product(left, left_digits, left_scale, right, right_digits, right_scale) -%}
{%- set scale = left_scale + right_scale -%}
cast(cast({{ left }} as number(38, {{ left_scale }})) * 1{{ '0' * left_scale }} as number({{ left_digits }}, 0))
    * cast(cast({{ right }} as number(38, {{ right_scale }})) * 1{{ '0' * right_scale }} as number({{ right_digits }}, 0))
    * cast('0.{{ '0' * (scale - 1) }}1' as number({{ scale }}, {{ scale }}))
{%- endmacro %}

{% macro snowflake__multiply_price(price, quantity) -%}
cast({{ snowflake__exact_product(price, 20, 12, quantity, 18, 6) }} as number(38, 18))
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
cast(round({{ snowflake__exact_product(price, 20, 12, factor, 10, 8) }}, 12) as number(20, 12))
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

{% macro snowflake__converted_price(price, exchange_rate) -%}
{%- set product = snowflake__exact_product(price, 20, 12, exchange_rate, 18, 12) -%}
case when {{ product }} < 99999999 then cast(round({{ product }}, 12) as number(20, 12)) end
{%- endmacro %}

{% macro bigquery__converted_price(price, exchange_rate) -%}
{%- set product = 'cast(' ~ price ~ ' as bignumeric) * cast(' ~ exchange_rate ~ ' as bignumeric)' -%}
case when {{ product }} < 99999999 then round({{ product }}, 12) end
{%- endmacro %}

{#- Units per pricing unit. Tokens / 10^6 is exact in the quantity type, so it is a multiplication: of a whole
    number and a factor whose product is of that very type, as rounding a wider one costs more than all else. A sum
    over calls may have more digits. -#}
{% macro pricing_quantity(quantity, pricing_block, digits=12) -%}
cast(
    case {{ pricing_block }}
        {%- for block, factor in [(1000000, '0.000001'), (1000, '0.001')] %}
        when {{ block }}
            then cast({{ quantity }} as {{ decimal_type(digits, 0) }}) * cast('{{ factor }}' as {{ decimal_type(6, 6) }})
        {%- endfor %}
        when 1 then cast({{ quantity }} as {{ quantity_type() }})
    end as {{ quantity_type() }}
)
{%- endmacro %}

{#- A unit price with all of its 12 decimals, for hashes. -#}
{% macro price_text(expression) %}{{ return(adapter.dispatch('price_text', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__price_text(expression) %}cast({{ expression }} as {{ text_type() }}){% endmacro %}
{% macro bigquery__price_text(expression) %}format('%.12f', {{ expression }}){% endmacro %}
{% macro snowflake__price_text(expression) -%}
cast(cast({{ expression }} as {{ price_type() }}) as {{ text_type() }})
{%- endmacro %}

{#- A part of a total to some decimals, to be read, not to be reckoned with: DuckDB divides doubles, so a half may
    be rounded either way. Null of nothing. -#}
{% macro share_of(part, total, decimals=6) %}
{{- return(adapter.dispatch('share_of', 'ai_focus')(part, total, decimals)) -}}
{% endmacro %}

{% macro default__share_of(part, total, decimals) -%}
cast({{ part }} / nullif({{ total }}, 0) as {{ decimal_type(decimals + 3, decimals) }})
{%- endmacro %}

{% macro bigquery__share_of(part, total, decimals) -%}
cast(round(cast({{ part }} as bignumeric) / nullif(cast({{ total }} as bignumeric), 0), {{ decimals }}) as bignumeric)
{%- endmacro %}

{#- Snowflake brings the dividend to the decimals of both, in 38 digits. -#}
{% macro snowflake__share_of(part, total, decimals) -%}
cast(
    cast({{ part }} as number(38, 12)) / nullif(cast({{ total }} as number(38, 12)), 0)
    as number({{ decimals + 3 }}, {{ decimals }})
)
{%- endmacro %}
