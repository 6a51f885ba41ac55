{#- A raw table as a relation in brackets: every declared column as text, and where the row came
    from (_file, _line) or why it could not be read (_fault). The columns are those of the source
    `raw` in models/staging, the one list that the command line reads too. -#}
{% macro raw(table) -%}
    {%- set origin = var('raw_origin') -%}
    {%- set columns = raw_columns(table) -%}
    {#- a unit test of a model that reads several raw tables gives the columns of each -#}
    {%- if columns is mapping -%}{%- set columns = columns[table] -%}{%- endif -%}
    {%- if origin == 'file' -%}
        {{ raw_from_files(table, columns) }}
    {%- elif origin == 'source' -%}
        {{ raw_from_source(table, columns) }}
    {%- else -%}
        {{ raw_from_relation(ref('raw_' ~ table), columns) }}
    {%- endif -%}
{%- endmacro %}

{#- [{name, alias, is_required}] in the order of the sources YAML; empty while dbt parses (no graph yet). -#}
{% macro raw_columns(table) %}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.sources.values()
            if node.package_name == 'ai_focus' and node.source_name == 'raw' and node.name == table -%}
            {%- for column in node.columns.values() -%}
                {%- do found.append({
                    'name': column.name,
                    'alias': column.config.meta.get('alias', column.name),
                    'is_required': column.config.meta.get('required', false),
                }) -%}
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

{#- A table that `focus-export load` filled says of each row where it came from and what is wrong with it.
    `spellings` are those of raw_spellings(); without it the relation has every column, spelt as declared. -#}
{% macro raw_from_relation(relation, columns, has_lines=false, spellings=none) -%}
(
    select
        {%- for column in columns %}
        {%- if spellings is none or column.name | lower in spellings %}
        {%- set name = raw_identifier(column.name) if spellings is none
            else adapter.quote(spellings[column.name | lower]) %}
        {%- set text = 'cast(' ~ name ~ ' as ' ~ text_type() ~ ')' %}
        nullif({{ trim_spaces(text) }}, '') as {{ column.alias }},
        {%- else %}
        {{ null_text() }} as {{ column.alias }},
        {%- endif %}
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

{% macro raw_from_source(table, columns) -%}
    {#- while dbt parses, this tells it of the source or the model -#}
    {%- set relation = raw_relation(table) -%}
    {%- set spellings = raw_spellings(table, relation, columns) if relation is not none and execute -%}
    {%- if spellings -%}
        {{ raw_from_relation(relation, columns, raw_has_lines(table), spellings) }}
    {%- else -%}
        {{ raw_from_nothing(columns) }}
    {%- endif -%}
{%- endmacro %}

{#- Where a raw table is: where var raw_tables says, which may be a model, otherwise the source() in raw_schema
    under its own name; none where it says that there is none. -#}
{% macro raw_relation(table) %}
    {%- set place = raw_place(table) -%}
    {%- if place is none -%}
        {{ return(none) }}
    {%- elif raw_model(table) -%}
        {{ return(ref(raw_model(table))) }}
    {%- endif -%}
    {%- set relation = source('raw', table) -%}
    {#- check_vars() names a key that is odd, after dbt has parsed -#}
    {%- if not execute -%}{{ return(relation) }}{%- endif -%}
    {{ return(relation.replace_path(**({'identifier': place} if place is string else place))) }}
{% endmacro %}

{#- The model of somebody's own that stands for a raw table; none where none does. -#}
{% macro raw_model(table) %}
    {%- set place = raw_place(table) -%}
    {{ return(place.ref if place is mapping and place.keys() | list == ['ref'] else none) }}
{% endmacro %}

{% macro raw_place(table) %}{{ return((var('raw_tables') or {}).get(table, {})) }}{% endmacro %}

{#- Whether a build needs the raw table: it is that of a usage source, or var raw_tables says where it is. -#}
{% macro raw_is_needed(table) %}
    {%- set needed = [] -%}
    {%- for node in graph.sources.values()
        if node.package_name == 'ai_focus' and node.source_name == 'raw' and node.name == table
        and node.config.meta.get('required') -%}
        {%- do needed.append(node.name) -%}
    {%- endfor -%}
    {{ return(needed or raw_place(table)) }}
{% endmacro %}

{#- {column in lower case: as the relation spells it} of a raw table, looked up in the warehouse; none for a
    table that is not there and need not be. What must be there and is not stops the build. -#}
{% macro raw_spellings(table, relation, columns) %}
    {%- set found = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- set spellings = {} -%}
    {%- if found is none -%}
        {%- if raw_model(table) -%}
            {#- a model that was never built: compiled before the first build, with nothing to look at -#}
            {%- for column in columns -%}{%- do spellings.update({column.name | lower: column.name}) -%}{%- endfor -%}
            {{ return(spellings) }}
        {%- elif raw_is_needed(table) -%}
            {{ exceptions.raise_compiler_error(
                "The raw table " ~ table ~ " is not there: " ~ relation.render() ~ ". Make it, say with the "
                ~ "variable raw_tables where it is, or leave its source out of usage_sources.") }}
        {%- endif -%}
        {{ return(none) }}
    {%- endif -%}
    {%- for column in adapter.get_columns_in_relation(found) -%}
        {%- do spellings.update({column.name | lower: column.name}) -%}
    {%- endfor -%}
    {%- set needed = columns | selectattr('is_required') | map(attribute='name') | list
        + (['_file', '_line', '_fault'] if raw_has_lines(table) else []) -%}
    {%- set missing = [] -%}
    {%- for name in needed if name | lower not in spellings -%}{%- do missing.append(name) -%}{%- endfor -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            "The raw table " ~ table ~ " lacks " ~ missing | join(', ') ~ ": " ~ relation.render() ~ " has "
            ~ spellings.values() | join(', ') ~ ". Add what is lacking, or name with the variable raw_tables a table, "
            ~ "view or model that has it; other columns may be left out and are null.") }}
    {%- endif -%}
    {{ return(spellings) }}
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
