{#- A raw table as a relation in brackets: every declared column as text, and where the row came
    from (_file, _line) or why it could not be read (_fault). The columns are those of the source
    `raw` in models/staging, the one list that the command line reads too. -#}
{% macro raw(table) -%}
    {%- set origin = var('raw_origin') -%}
    {%- set columns = raw_columns(table) -%}
    {%- if origin == 'file' -%}
        {{ raw_from_files(table, columns) }}
    {%- elif origin == 'source' -%}
        {{ raw_from_source(table, columns) }}
    {%- else -%}
        {{ raw_from_relation(ref('raw_' ~ table), columns) }}
    {%- endif -%}
{%- endmacro %}

{#- [{name, alias}] in the order of the sources YAML; empty while dbt parses (no graph yet). -#}
{% macro raw_columns(table) %}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.sources.values()
            if node.package_name == 'ai_focus' and node.source_name == 'raw' and node.name == table -%}
            {%- for column in node.columns.values() -%}
                {%- do found.append(
                    {'name': column.name, 'alias': column.config.meta.get('alias', column.name)}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- if not found -%}
            {{ exceptions.raise_compiler_error("No raw table '" ~ table ~ "' is declared.") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

{#- Names such as user and end are keywords, so they are quoted. Snowflake keeps unquoted names in
    upper case, and that is how a raw table's columns are found there. -#}
{% macro raw_identifier(name) %}{{ return(adapter.dispatch('raw_identifier', 'ai_focus')(name)) }}{% endmacro %}
{% macro default__raw_identifier(name) %}{{ return('"' ~ name ~ '"') }}{% endmacro %}
{% macro snowflake__raw_identifier(name) %}{{ return('"' ~ (name | upper) ~ '"') }}{% endmacro %}
{% macro bigquery__raw_identifier(name) %}{{ return('`' ~ name ~ '`') }}{% endmacro %}

{% macro raw_has_lines(table) %}
    {%- set tables = var('raw_has_lines') -%}
    {{ return(tables is sameas true or (tables is sequence and table in tables)) }}
{% endmacro %}

{#- A table that `focus-export load` filled says of each row where it came from and what is wrong with it. -#}
{% macro raw_from_relation(relation, columns, has_lines=false) -%}
(
    select
        {%- for column in columns %}
        {%- set text = 'cast(' ~ raw_identifier(column.name) ~ ' as ' ~ text_type() ~ ')' %}
        nullif({{ trim_spaces(text) }}, '') as {{ column.alias }},
        {%- endfor %}
        {%- if has_lines %}
        {{ raw_identifier('_file') }} as _file,
        {{ raw_identifier('_line') }} as _line,
        {{ raw_identifier('_fault') }} as _fault
        {%- else %}
        {{ null_text() }} as _file,
        cast(null as {{ whole_type() }}) as _line,
        {{ null_text() }} as _fault
        {%- endif %}
    from {{ relation }}
)
{%- endmacro %}

{#- A table that is told to be null is not there: it is empty. -#}
{% macro raw_from_source(table, columns) -%}
    {%- set relation = raw_relation(table) -%}
    {%- if relation is none -%}
        {{ raw_from_nothing(columns) }}
    {%- else -%}
        {{ raw_from_relation(relation, columns, raw_has_lines(table)) }}
    {%- endif -%}
{%- endmacro %}

{#- Where a source() table is: where var raw_tables says, otherwise in raw_schema under its own name; none
    where it says that there is none. -#}
{% macro raw_relation(table) %}
    {%- set places = var('raw_tables') or {} -%}
    {%- set place = places.get(table, {}) -%}
    {%- if place is none -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return(source('raw', table).replace_path(**({'identifier': place} if place is string else place))) }}
{% endmacro %}

{#- A table without files is empty, with its columns. -#}
{% macro raw_from_nothing(columns) -%}
(
    select
        {%- for column in columns %}
        {{ null_text() }} as {{ column.alias }},
        {%- endfor %}
        {{ null_text() }} as _file,
        cast(null as {{ whole_type() }}) as _line,
        {{ null_text() }} as _fault
    from (select 1 as nothing) as nothing
    where 1 = 0
)
{%- endmacro %}

{% macro raw_from_files(table, columns) %}
{{- return(adapter.dispatch('raw_from_files', 'ai_focus')(table, columns)) -}}
{% endmacro %}

{% macro default__raw_from_files(table, columns) %}
    {{- exceptions.raise_compiler_error(
        "Files are read by DuckDB only: set var raw_origin to source or seed.") -}}
{% endmacro %}

{#- What a reader of rejected rows sees: the path below the raw folder. -#}
{% macro raw_file_label(path, root) -%}
    {{ return(sql_text(path[root | length + 1:] if path.startswith(root ~ '/') else path)) }}
{%- endmacro %}

{#- A text as a literal. -#}
{% macro sql_text(value) %}{{ return(adapter.dispatch('sql_text', 'ai_focus')(value)) }}{% endmacro %}
{% macro default__sql_text(value) %}{{ return("'" ~ (value | replace("'", "''")) ~ "'") }}{% endmacro %}
{% macro snowflake__sql_text(value) %}
    {{- return("'" ~ (value | replace("\\", "\\\\") | replace("'", "''")) ~ "'") -}}
{% endmacro %}
{#- Two quotes in a row would end the text and begin another. -#}
{% macro bigquery__sql_text(value) %}
    {{- return("'" ~ (value | replace("\\", "\\\\") | replace("'", "\\'")) ~ "'") -}}
{% endmacro %}
