{#- What dbt does on BigQuery, put right for this project. -#}

{#- A unit test's text with a backslash: in BigQuery's literals it escapes what follows. -#}
{% macro bigquery__escape_single_quotes(expression) -%}
{{ expression | replace('\\', '\\\\') | replace("'", "\\'") }}
{%- endmacro %}
