{#- ISO 8601 durations of one part (P3M, P30D, PT1H). Longer forms (P1Y6M) have no FOCUS
    spelling. -#}

{% macro is_date_duration(expression) -%}
{{ matches(expression, 'P[1-9][0-9]{0,4}[YMWD]') }}
{%- endmacro %}

{% macro is_time_duration(expression) -%}
{{ matches(expression, 'PT[1-9][0-9]{0,6}[HMS]') }}
{%- endmacro %}

{#- Y, M, W, D, TH, TM, TS; null when the text is no such duration. -#}
{% macro duration_unit(expression) -%}
case
    when {{ is_date_duration(expression) }}
        then substr({{ expression }}, length({{ expression }}), 1)
    when {{ is_time_duration(expression) }}
        then 'T' || substr({{ expression }}, length({{ expression }}), 1)
end
{%- endmacro %}

{% macro duration_count(expression) -%}
{%- set body = 'substr(' ~ expression ~ ', 1, length(' ~ expression ~ ') - 1)' -%}
{%- set digits = 'replace(replace(' ~ body ~ ", 'P', ''), 'T', '')" -%}
case
    when {{ is_date_duration(expression) }} or {{ is_time_duration(expression) }}
        then {{ try_cast(digits, whole_type()) }}
end
{%- endmacro %}

{#- One text for equal lengths: P12M for P1Y, PT604800S for P1W and P7D. A month has no length in
    days, so P30D and P1M differ. -#}
{% macro duration_key(unit, count) -%}
case {{ unit }}
    {%- for designator, months in [('Y', 12), ('M', 1)] %}
    when '{{ designator }}' then 'P' || cast({{ count }} * {{ months }} as {{ text_type() }}) || 'M'
    {%- endfor %}
    {%- for designator, seconds in [
        ('W', 604800), ('D', 86400), ('TH', 3600), ('TM', 60), ('TS', 1),
    ] %}
    when '{{ designator }}'
        then 'PT' || cast({{ count }} * {{ seconds }} as {{ text_type() }}) || 'S'
    {%- endfor %}
end
{%- endmacro %}
