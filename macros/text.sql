{#- Text without the spaces around it; other white space stays. -#}
{% macro trim_spaces(expression) %}{{ return(adapter.dispatch('trim_spaces', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__trim_spaces(expression) %}trim({{ expression }}){% endmacro %}
{% macro bigquery__trim_spaces(expression) %}trim({{ expression }}, ' '){% endmacro %}

{#- How many single letters must be changed, added or taken away to make one text the other. -#}
{% macro edit_distance(left, right) %}
{{- return(adapter.dispatch('edit_distance', 'ai_focus')(left, right)) -}}
{% endmacro %}
{% macro default__edit_distance(left, right) %}levenshtein({{ left }}, {{ right }}){% endmacro %}
{% macro snowflake__edit_distance(left, right) %}editdistance({{ left }}, {{ right }}){% endmacro %}
{% macro bigquery__edit_distance(left, right) %}edit_distance({{ left }}, {{ right }}){% endmacro %}

{#- What a source writes for yes and no, or for what a cache did, in any case; anything else is null. None is Python's word for nothing. -#}
{% macro truth_of(expression) -%}
case
            when lower({{ expression }}) in ('true', 't', '1', 'yes', 'y', 'hit') then true
            when lower({{ expression }}) in ('false', 'f', '0', 'no', 'n', 'none', 'miss') then false
        end
{%- endmacro %}

{#- The last two parts of the host of an address, in small letters, as in openai.com; '' or '.' where there is none. -#}
{% macro domain_of(address) -%}
{%- set place = dbt.split_part("coalesce(lower(" ~ address ~ "), '')", "'//'", 2) -%}
{%- set host = dbt.split_part(dbt.split_part("coalesce(" ~ place ~ ", '')", "'/'", 1), "':'", 1) -%}
{%- set turned = "reverse(" ~ host ~ ")" -%}
reverse({{ dbt.split_part(turned, "'.'", 1) }} || '.' || {{ dbt.split_part(turned, "'.'", 2) }})
{%- endmacro %}
