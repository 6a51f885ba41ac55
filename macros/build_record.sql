{#- Which build made the tables of a warehouse, in a table of one row: DuckDB's builds have a file for it.
    `focus-export build` makes it. Its values turn to null when dbt runs without that command, or when something
    failed or was left out: then the tables are not those of one build. -#}
{% macro record_build(results) %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'snapshot'] -%}
        {{- adapter.dispatch('record_build', 'ai_focus')(results) -}}
    {%- endif -%}
{% endmacro %}

{% macro default__record_build(results) %}{% endmacro %}
{% macro snowflake__record_build(results) %}{{ create_build_record(results) }}{% endmacro %}
{% macro bigquery__record_build(results) %}{{ create_build_record(results) }}{% endmacro %}

{% macro create_build_record(results) -%}
    {%- set started = env_var('AI_FOCUS_BUILD_ID', '') -%}
    {%- set bad = results | rejectattr('status', 'in', ['success', 'pass', 'warn', 'no-op']) | list -%}
    {%- set build_id = started if not bad else '' -%}
    {%- set finished_at = modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%dT%H:%M:%SZ') -%}
    {%- set relation = api.Relation.create(
        database=target.database, schema=target.schema, identifier='ai_focus_build') -%}
    {#- a project that has this one as a package gets no table -#}
    {%- if started or adapter.get_relation(relation.database, relation.schema, relation.identifier) is not none -%}
create or replace table {{ relation }} as
select
    {{ sql_text(build_id) if build_id else null_text() }} as build_id,
    {{ sql_text(finished_at) if build_id else null_text() }} as finished_at
    {%- endif -%}
{%- endmacro %}
