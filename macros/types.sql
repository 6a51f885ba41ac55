{#- The types of money and quantity, one each, wide enough that no product is rounded:
    price (12 decimals) x quantity (6 decimals) = cost (18 decimals). -#}

{% macro price_type() %}{{ return(adapter.dispatch('price_type', 'ai_focus')()) }}{% endmacro %}
{% macro default__price_type() %}{{ return('decimal(20, 12)') }}{% endmacro %}
{% macro bigquery__price_type() %}{{ return('bignumeric') }}{% endmacro %}

{% macro quantity_type() %}{{ return(adapter.dispatch('quantity_type', 'ai_focus')()) }}{% endmacro %}
{% macro default__quantity_type() %}{{ return('decimal(18, 6)') }}{% endmacro %}
{% macro bigquery__quantity_type() %}{{ return('bignumeric') }}{% endmacro %}

{% macro cost_type() %}{{ return(adapter.dispatch('cost_type', 'ai_focus')()) }}{% endmacro %}
{% macro default__cost_type() %}{{ return('decimal(38, 18)') }}{% endmacro %}
{% macro bigquery__cost_type() %}{{ return('bignumeric') }}{% endmacro %}

{#- For what needs another width; BigQuery casts to no decimal of a stated precision. -#}
{% macro decimal_type(precision, scale) %}
{{- return(adapter.dispatch('decimal_type', 'ai_focus')(precision, scale)) -}}
{% endmacro %}
{% macro default__decimal_type(precision, scale) %}{{ return('decimal(' ~ precision ~ ', ' ~ scale ~ ')') }}{% endmacro %}
{% macro bigquery__decimal_type(precision, scale) %}{{ return('bignumeric') }}{% endmacro %}

{% macro text_type() %}{{ return(adapter.dispatch('text_type', 'ai_focus')()) }}{% endmacro %}
{% macro default__text_type() %}{{ return('varchar') }}{% endmacro %}
{% macro bigquery__text_type() %}{{ return('string') }}{% endmacro %}

{% macro whole_type() %}{{ return(adapter.dispatch('whole_type', 'ai_focus')()) }}{% endmacro %}
{% macro default__whole_type() %}{{ return('bigint') }}{% endmacro %}
{% macro bigquery__whole_type() %}{{ return('int64') }}{% endmacro %}

{#- Timestamps carry no zone in any model: they are UTC by convention. -#}
{% macro timestamp_type() %}{{ return(adapter.dispatch('timestamp_type', 'ai_focus')()) }}{% endmacro %}
{% macro default__timestamp_type() %}{{ return('timestamp') }}{% endmacro %}
{% macro snowflake__timestamp_type() %}{{ return('timestamp_ntz') }}{% endmacro %}
{% macro bigquery__timestamp_type() %}{{ return('timestamp') }}{% endmacro %}

{% macro null_text() %}cast(null as {{ text_type() }}){% endmacro %}

{#- A cast that gives null where the value does not fit. -#}
{% macro try_cast(expression, type) %}
{{- return(adapter.dispatch('try_cast', 'ai_focus')(expression, type)) -}}
{% endmacro %}
{% macro default__try_cast(expression, type) %}try_cast({{ expression }} as {{ type }}){% endmacro %}
{% macro bigquery__try_cast(expression, type) %}safe_cast({{ expression }} as {{ type }}){% endmacro %}

{#- Text as a decimal of so many digits, so many of them after the point: rounded half up to those, null
    where there are more before it. -#}
{% macro try_decimal(expression, precision, scale) %}
{{- return(adapter.dispatch('try_decimal', 'ai_focus')(expression, precision, scale)) -}}
{% endmacro %}
{% macro default__try_decimal(expression, precision, scale) -%}
{{ try_cast(expression, decimal_type(precision, scale)) }}
{%- endmacro %}

{% macro bigquery__try_decimal(expression, precision, scale) -%}
{%- set rounded = 'round(safe_cast(' ~ expression ~ ' as bignumeric), ' ~ scale ~ ')' -%}
{%- set most = '9' * (precision - scale) ~ '.' ~ '9' * scale -%}
case when abs({{ rounded }}) <= bignumeric '{{ most }}' then {{ rounded }} end
{%- endmacro %}

{% macro try_price(expression) %}{{ try_decimal(expression, 20, 12) }}{% endmacro %}
{% macro try_quantity(expression) %}{{ try_decimal(expression, 18, 6) }}{% endmacro %}
{% macro try_cost(expression) %}{{ try_decimal(expression, 38, 18) }}{% endmacro %}

{#- True when the whole text matches the pattern. -#}
{% macro matches(expression, pattern) %}
{{- return(adapter.dispatch('matches', 'ai_focus')(expression, pattern)) -}}
{% endmacro %}
{% macro default__matches(expression, pattern) %}regexp_full_match({{ expression }}, '{{ pattern }}'){% endmacro %}
{% macro snowflake__matches(expression, pattern) %}regexp_like({{ expression }}, '{{ pattern | replace("\\", "\\\\") }}'){% endmacro %}
{% macro bigquery__matches(expression, pattern) %}regexp_contains({{ expression }}, r'^(?:{{ pattern }})$'){% endmacro %}
