{#- `focus-export load`: what is in files goes to a Parquet file (DuckDB), and from there by the warehouse's
    own bulk path into the raw table. -#}

{#- Writes groups of files as one Parquet file: the columns as the raw table spells them, all text, and _file,
    _line, _fault. -#}
{% macro stage_raw_table(table, groups, path) %}
    {%- set columns = raw_columns(table) -%}
    {%- do run_query('set temp_directory = ' ~ sql_text(path ~ '.spill')) -%}
    {%- call statement('stage') %}
copy (
    select
        {%- for column in columns %}
        {{ column.alias }} as {{ raw_identifier(column.name) }},
        {%- endfor %}
        _file,
        _line,
        _fault
    from {{ duckdb__raw_from_groups(groups, columns) }} as raw_rows
) to {{ sql_text(path) }} (format parquet, compression zstd)
    {%- endcall -%}
{% endmacro %}

{#- Does so for each of [{table, groups, path}]: one operation, since each takes a third of a second. -#}
{% macro stage_raw_tables(tables) %}
    {%- for one in tables -%}{%- do stage_raw_table(one.table, one.groups, one.path) -%}{%- endfor -%}
{% endmacro %}

{#- [{name, type}] of a raw table as `load` makes it. -#}
{% macro loaded_columns(table) %}
    {%- set found = [] -%}
    {%- for column in raw_columns(table) -%}
        {%- do found.append({'name': column.name, 'type': text_type()}) -%}
    {%- endfor -%}
    {%- do found.append({'name': '_file', 'type': text_type()}) -%}
    {%- do found.append({'name': '_line', 'type': whole_type()}) -%}
    {%- do found.append({'name': '_fault', 'type': text_type()}) -%}
    {{ return(found) }}
{% endmacro %}

{#- Makes the raw table where there is none, empty, and logs that. Of one that is to be loaded it logs the name
    in full, what columns it lacks, and how many rows it has. -#}
{% macro prepare_raw_table(table, is_loaded) %}
    {%- set relation = raw_relation(table) or source('raw', table) -%}
    {%- set columns = loaded_columns(table) -%}
    {%- if not adapter.check_schema_exists(relation.database, relation.schema) -%}
        {%- do adapter.create_schema(relation.without_identifier()) -%}
    {%- endif -%}
    {%- set found = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- set state = {'relation': relation.render(), 'is_new': found is none, 'is_view': false, 'rows': 0} -%}
    {%- set missing = [] -%}
    {%- if found is none -%}
        {%- call statement('create') %}
create table {{ relation }} (
    {%- for column in columns %}
    {{ raw_identifier(column.name) }} {{ column.type }}{{ ',' if not loop.last }}
    {%- endfor %}
)
        {%- endcall -%}
    {%- elif is_loaded -%}
        {%- set present = adapter.get_columns_in_relation(found) | map(attribute='name') | map('lower') | list -%}
        {%- for column in columns if column.name | lower not in present -%}
            {%- do missing.append(column.name) -%}
        {%- endfor -%}
        {%- call statement('count', fetch_result=true) %}select count(*) as records from {{ relation }}{% endcall -%}
        {%- do state.update({'is_view': found.is_view, 'rows': load_result('count')['data'][0][0] | int}) -%}
    {%- endif -%}
    {%- do log(tojson(dict(state, missing=missing)), info=true) -%}
{% endmacro %}

{#- Does so for each of some tables, in their order, of which those of `loaded` are to be loaded. -#}
{% macro prepare_raw_tables(tables, loaded) %}
    {%- for table in tables -%}{%- do prepare_raw_table(table, table in loaded) -%}{%- endfor -%}
{% endmacro %}
