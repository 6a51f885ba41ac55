{#- How int_usage_priced, of which charges are made, comes from one build to the next: made anew, or, where var
    charges_materialization asks for it, only the months that can have changed. What a build was made of is stored
    beside it then and compared with what there is now (int_charge_inputs). -#}

{% macro priced_usage_is_incremental() %}
{{- return(var('charges_materialization') == 'incremental') -}}
{% endmacro %}

{#- A table made otherwise is none that the stored inputs tell of. -#}
{% macro priced_usage_config() %}
    {%- if priced_usage_is_incremental() -%}
        {{ return({'materialized': 'changed_months'}) }}
    {%- endif -%}
    {{ return({'pre_hook': 'drop table if exists {{ priced_usage_built_from() }}'}) }}
{% endmacro %}

{#- ---------------------------------------------------------------- what charges are made of -#}

{#- Where the way from int_usage_priced to seeds and sources is cut: whatever it reads goes through one of these,
    or through the usage of a source. -#}
{% macro charge_input_relations() %}
{{ return([
    'int_price_snapshots', 'int_contract_prices', 'int_exchange_rates_daily', 'int_meter_prices', 'int_model_names',
    'int_closings', 'int_allocations', 'int_allocation_values', 'int_cost_bases', 'ai_meters', 'stg_pricing__models',
    'stg_currencies__billing_accounts',
    'stg_currencies__exchange_rates', 'stg_pricing__contract_prices', 'stg_pricing__cost_bases',
    'stg_pricing__list_prices',
    'stg_pricing__price_multipliers', 'stg_pricing__provider_aliases', 'stg_pricing__provisioned_deployments',
]) }}
{% endmacro %}

{#- Columns of usage that no charge is made of. -#}
{% macro columns_beside_charges() %}
{{ return(['latency_ms', 'requested_model', 'status']) }}
{% endmacro %}

{% macro charge_vars() %}
{{ return([
    'billing_account_id', 'billing_account_name', 'exchange_rate_days', 'price_book_as_of',
]) }}
{% endmacro %}

{#- The columns of a model or seed as its YAML has them; one of them while dbt parses (no graph yet). -#}
{% macro documented_columns(name) %}
    {%- set found = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values()
            if node.package_name == 'ai_focus' and node.name == name and node.resource_type in ('model', 'seed') -%}
            {%- do found.extend(node.columns) -%}
        {%- endfor -%}
        {%- if not found -%}
            {{ exceptions.raise_compiler_error("No columns of '" ~ name ~ "' are declared.") }}
        {%- endif -%}
    {%- endif -%}
    {{ return(found or ['call_key']) }}
{% endmacro %}

{#- How many rows there are and the sum of their hashes: the same for the same rows in any order. -#}
{% macro fingerprint_of_rows(columns, relation) -%}
{%- set values = [] -%}
{%- for column in columns -%}{%- do values.append(relation ~ '.' ~ column) -%}{%- endfor -%}
cast(count(*) as {{ text_type() }}) || ':' || cast(coalesce(sum({{ row_hash(values) }}), 0) as {{ text_type() }})
{%- endmacro %}

{#- 64 bits of the values themselves, not of texts that a session's formats could shorten. -#}
{% macro row_hash(columns) %}{{ return(adapter.dispatch('row_hash', 'ai_focus')(columns)) }}{% endmacro %}
{% macro default__row_hash(columns) %}hash({{ columns | join(', ') }}){% endmacro %}
{#- As a number that a sum can't outgrow. -#}
{% macro bigquery__row_hash(columns) -%}
cast(farm_fingerprint(to_json_string(struct({{ columns | join(', ') }}))) as bignumeric)
{%- endmacro %}

{#- Every model that int_usage_priced is made by, itself included, as ids. -#}
{% macro models_of_priced_usage() %}
    {%- set found = ['model.ai_focus.int_usage_priced'] -%}
    {%- if execute -%}
        {#- a list that grows while it is walked -#}
        {%- for id in found -%}
            {%- for parent in graph.nodes[id].depends_on.nodes
                if parent.startswith('model.') and parent not in found -%}
                {%- do found.append(parent) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found | sort) }}
{% endmacro %}

{#- A hash of the models' SQL, of every macro that it can call and of the variables that it reads. -#}
{% macro version_of_priced_usage() %}
    {%- set parts = [dbt_version] -%}
    {%- if execute -%}
        {%- for id in models_of_priced_usage() -%}
            {%- do parts.append(id ~ graph.nodes[id].checksum.checksum) -%}
        {%- endfor -%}
        {%- for package, macros in context.items() if macros is mapping and package != 'this' -%}
            {%- for name, generator in macros.items() if generator.macro is defined and not name.startswith('test_') -%}
                {%- do parts.append(package ~ '.' ~ name ~ local_md5(generator.macro.macro_sql)) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {%- for name in charge_vars() -%}
        {%- do parts.append(name ~ '=' ~ tojson(var(name) | string)) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | sort | join('\n'))) }}
{% endmacro %}

{#- ---------------------------------------------------------------- months that can have changed -#}

{#- Where the inputs of the rows that stand in the table are kept. -#}
{% macro priced_usage_built_from() %}
{{ return(api.Relation.create(
    database=this.database, schema=this.schema, identifier=this.identifier ~ '__built_from', type='table')) }}
{% endmacro %}

{#- The first month, as YYYYMM, of which an input was added, changed or taken away; none without one. An
    input of all months stands in the first of all. -#}
{% macro first_changed_month(inputs, built_from) %}
    {%- set columns = 'input, billing_period_start, fingerprint' -%}
    {%- set difference -%}
        with inputs_now as (
            select {{ columns }} from {{ inputs }}
        ),
        inputs_then as (
            select {{ columns }} from {{ built_from }}
        ),
        changed as (
            (select * from inputs_now {{ dbt.except() }} select * from inputs_then)
            union all
            (select * from inputs_then {{ dbt.except() }} select * from inputs_now)
        )
        select
            min(extract(year from billing_period_start) * 100 + extract(month from billing_period_start))
                as first_month
        from changed
    {%- endset -%}
    {%- set month = run_query(difference).rows[0][0] -%}
    {{ return(none if month is none else month | int) }}
{% endmacro %}

{#- Whether this run makes every model of the priced usage before it: else one of them may be of an earlier
    state of the inputs, and the inputs don't tell which. -#}
{% macro makes_all_models_of_priced_usage() %}
    {%- set missing = models_of_priced_usage() | reject('in', selected_resources) | list -%}
    {{ return(not missing) }}
{% endmacro %}

{% macro column_names(relation) %}
{{ return(adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | sort) }}
{% endmacro %}

{#- Puts the rows of a query in the place of those that a condition names, in one transaction: the
    incremental strategy of each adapter. -#}
{% macro replace_rows(relation, query, columns, condition) %}
{{- return(adapter.dispatch('replace_rows', 'ai_focus')(relation, query, columns, condition)) -}}
{% endmacro %}

{#- delete+insert; without a semicolon at the end, where dbt puts its own: an empty statement is an error. -#}
{% macro default__replace_rows(relation, query, columns, condition) -%}
{%- set names = columns | map(attribute='quoted') | join(', ') -%}
delete from {{ relation }} where {{ condition }};
insert into {{ relation }} ({{ names }})
select {{ names }} from (
{{ query }}
) as priced_usage
where {{ condition }}
{%- endmacro %}

{% macro snowflake__replace_rows(relation, query, columns, condition) -%}
{{ snowflake_dml_explicit_transaction(default__replace_rows(relation, query, columns, condition)) }}
{%- endmacro %}

{#- insert_overwrite, of all partitions from the first on: one that has no row any more goes too. -#}
{% macro bigquery__replace_rows(relation, query, columns, condition) -%}
{%- set source -%}
(
select * from (
{{ query }}
) as priced_usage
where {{ condition }}
)
{%- endset -%}
{{ get_insert_overwrite_merge_sql(relation, source, columns, [condition], false) }}
{%- endmacro %}

{#- DuckDB's transaction is dbt's own; on the others a statement stands as soon as it is done. -#}
{% macro keep_changes() %}{{ return(adapter.dispatch('keep_changes', 'ai_focus')()) }}{% endmacro %}
{% macro default__keep_changes() %}{% endmacro %}
{% macro duckdb__keep_changes() %}{% do adapter.commit() %}{% endmacro %}

{#- Replaces everything from the first changed month on, and the whole table where it can't be told what
    that is. The stored inputs are dropped before the table is touched and stored after it is done, so that a
    run which ends between leaves none, and the next one makes everything again. -#}
{% materialization changed_months, default %}
    {%- set inputs = ref('int_charge_inputs') -%}
    {%- set built_from = priced_usage_built_from() -%}
    {%- set existing = load_relation(this) -%}
    {%- set known = load_relation(built_from) -%}
    {%- set is_whole_run = makes_all_models_of_priced_usage() -%}
    {%- set month = 190001 -%}
    {%- if (
        existing is not none and existing.is_table and known is not none
        and is_whole_run and not should_full_refresh()
        and column_names(built_from) == column_names(inputs)
        and column_names(existing) == get_columns_in_query(compiled_code) | map('lower') | sort
    ) -%}
        {%- set month = first_changed_month(inputs, built_from) -%}
    {%- endif -%}

    {%- if month is none -%}
        {{ run_hooks(pre_hooks) }}
        {% call noop_statement('main', 'UNCHANGED') %}{% endcall %}
    {%- else -%}
        {%- call statement('forget_inputs') -%}
            drop table if exists {{ built_from }}
        {%- endcall -%}
        {%- if month == 190001 -%}
            {%- set made = context.get('materialization_table_' ~ adapter.type(), dbt.materialization_table_default)() -%}
        {%- else -%}
            {{ run_hooks(pre_hooks) }}
            {%- set first = '%04d-%02d-01 00:00:00' % (month // 100, month % 100) -%}
            {%- call statement('main') -%}
                {{ replace_rows(
                    existing,
                    compiled_code,
                    adapter.get_columns_in_relation(existing),
                    "booked_in >= cast('" ~ first ~ "' as " ~ timestamp_type() ~ ")"
                ) }}
            {%- endcall -%}
        {%- endif -%}
        {%- if is_whole_run -%}
            {%- call statement('store_inputs') -%}
                create or replace table {{ built_from }} as select * from {{ inputs }}
            {%- endcall -%}
        {%- endif -%}
    {%- endif -%}

    {%- if month != 190001 -%}
        {{ run_hooks(post_hooks) }}
        {%- do apply_grants(existing, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=false)) -%}
        {%- do persist_docs(existing, model) -%}
    {%- endif -%}
    {%- do keep_changes() -%}
    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}
