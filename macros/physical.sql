{#- How a large table is stored: `period` is its month, `time` its instant. Configures a model, as in
    {{ config(physical_design('billing_period_start', 'charge_period_start')) }}. -#}
{% macro physical_design(period, time) %}
{{- return(adapter.dispatch('physical_design', 'ai_focus')(period, time)) -}}
{% endmacro %}

{% macro default__physical_design(period, time) %}{{ return({'materialized': 'table'}) }}{% endmacro %}

{#- Written in the order of the keys, so that a month's rows stand together from the start. The table is
    transient, as dbt has it: what a build can make again needs no fail-safe. -#}
{% macro snowflake__physical_design(period, time) %}
{{ return({'materialized': 'table', 'cluster_by': [period, 'to_date(' ~ time ~ ')']}) }}
{% endmacro %}

{#- A partition per billing month: a month that is read is a month that is paid for, and 4,000 partitions last
    for centuries. Within it by day, then by what most readers filter or join by. -#}
{% macro bigquery__physical_design(period, time) %}
{{ return({
    'materialized': 'table',
    'partition_by': {'field': period, 'data_type': 'timestamp', 'granularity': 'month'},
    'cluster_by': [time, 'billing_account_id', 'meter_price_id'],
    'labels': {'project': 'ai_focus'},
}) }}
{% endmacro %}

{#- The comment before every statement, as JSON. On BigQuery its members are the labels of the job, so that
    INFORMATION_SCHEMA.JOBS and the bill tell what a model costs. -#}
{% macro query_labels(node) %}
{{- return(tojson({
    'app': 'dbt',
    'project': node.package_name if node else 'ai_focus',
    'model': node.name if node else 'none',
    'run': invocation_id,
})) -}}
{% endmacro %}

{#- A join to a relation of exactly one row. DuckDB turns a cross join round, and keeps all rows of the other side in
    memory: a million calls took 15 s in place of 7. BigQuery has no outer join without an equality. -#}
{% macro join_one_row(relation) %}{{- adapter.dispatch('join_one_row', 'ai_focus')(relation) -}}{% endmacro %}

{% macro default__join_one_row(relation) %}cross join {{ relation }}{% endmacro %}

{% macro duckdb__join_one_row(relation) %}left join {{ relation }} on true{% endmacro %}
