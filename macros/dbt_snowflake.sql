{#- What dbt does on Snowflake, put right for this project. -#}

{#- dbt finds a column's description only where the YAML has it all in upper or all in lower case, and says
    '' for every FOCUS column. -#}
{% macro get_column_comment_sql(column_name, column_dict) -%}
    {%- set found = {} -%}
    {%- for name, column in column_dict.items() if name | upper == column_name | upper -%}
        {%- do found.update({'description': column['description']}) -%}
    {%- endfor -%}
    {{ adapter.quote(column_name) }} comment $${{ found.get('description', '') | replace('$', '[$]') }}$$
{%- endmacro %}

{#- A unit test's text with a backslash: in Snowflake's literals it escapes what follows. -#}
{% macro snowflake__escape_single_quotes(expression) -%}
{{ expression | replace('\\', '\\\\') | replace("'", "\\'") }}
{%- endmacro %}

{#- Every statement of a model says whose it is, for QUERY_HISTORY and the bill. -#}
{% macro snowflake__set_query_tag() %}
    {%- set tag = config.get('query_tag')
        or tojson({'project': project_name, 'model': model.name, 'run': invocation_id}) -%}
    {%- do run_query("alter session set query_tag = " ~ snowflake__sql_text(tag)) -%}
    {{ return(tag) }}
{% endmacro %}

{% macro snowflake__unset_query_tag(original_query_tag) %}
    {%- if target.query_tag -%}
        {%- do run_query("alter session set query_tag = " ~ snowflake__sql_text(target.query_tag)) -%}
    {%- else -%}
        {%- do run_query("alter session unset query_tag") -%}
    {%- endif -%}
{% endmacro %}
