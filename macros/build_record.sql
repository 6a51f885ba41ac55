{#- Which build made the tables of a warehouse, in a table of one row: DuckDB's builds have a file for it.
    `focus-export build` makes it, with its variables and version, which whoever reads the tables elsewhere
    needs. While dbt runs, only started_at is set. All but invocation_id stays null when dbt ran without that
    command, or when something failed or was left out: then the tables are not those of one build. What is
    nothing to record is a statement too, since some engines of dbt refuse a hook that is none. -#}
{% macro begin_build_record() %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'snapshot'] -%}
        {{- adapter.dispatch('begin_build_record', 'ai_focus')() -}}
    {%- else -%}
        {{- no_build_record() -}}
    {%- endif -%}
{% endmacro %}

{% macro no_build_record() %}select 1 as nothing_to_record{% endmacro %}

{% macro default__begin_build_record() %}{{ no_build_record() }}{% endmacro %}
{% macro snowflake__begin_build_record() %}{{ write_build_record({'started_at': utc_text()}) }}{% endmacro %}
{% macro bigquery__begin_build_record() %}{{ write_build_record({'started_at': utc_text()}) }}{% endmacro %}

{% macro record_build(results) %}
    {%- if execute and flags.WHICH in ['build', 'run', 'seed', 'snapshot'] -%}
        {{- adapter.dispatch('record_build', 'ai_focus')(results) -}}
    {%- else -%}
        {{- no_build_record() -}}
    {%- endif -%}
{% endmacro %}

{% macro default__record_build(results) %}{{ no_build_record() }}{% endmacro %}
{% macro snowflake__record_build(results) %}{{ end_build_record(results) }}{% endmacro %}
{% macro bigquery__record_build(results) %}{{ end_build_record(results) }}{% endmacro %}

{% macro end_build_record(results) -%}
    {%- set bad = results | rejectattr('status', 'in', ['success', 'pass', 'warn', 'no-op']) | list -%}
    {%- set build_id = env_var('AI_FOCUS_BUILD_ID', '') -%}
    {{- write_build_record({
        'build_id': build_id,
        'finished_at': utc_text(),
        'tool_version': env_var('AI_FOCUS_BUILD_VERSION', ''),
        'variables': env_var('AI_FOCUS_BUILD_VARIABLES', ''),
    } if build_id and not bad else {}) -}}
{%- endmacro %}

{% macro write_build_record(values) -%}
    {%- set relation = api.Relation.create(
        database=target.database, schema=target.schema, identifier='ai_focus_build') -%}
    {#- a project that has this one as a package gets no table -#}
    {%- if env_var('AI_FOCUS_BUILD_ID', '')
        or adapter.get_relation(relation.database, relation.schema, relation.identifier) is not none -%}
create or replace table {{ relation }} as
select
        {%- for name in ['build_id', 'started_at', 'finished_at', 'tool_version', 'variables'] %}
    {{ sql_text(values[name]) if values.get(name) else null_text() }} as {{ name }},
        {%- endfor %}
    {{ sql_text(invocation_id) }} as invocation_id
    {%- else -%}
{{ no_build_record() }}
    {%- endif -%}
{%- endmacro %}

{% macro utc_text() -%}
    {{ return(modules.datetime.datetime.now(modules.pytz.utc).strftime('%Y-%m-%dT%H:%M:%SZ')) }}
{%- endmacro %}
