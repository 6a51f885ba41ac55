{#- `focus-export doctor`: each macro checks one thing that the models rely on, with the macros that they use,
    and logs a line of JSON for what it found. A macro that can't run its SQL is a failed check too. -#}

{% macro doctor_say(check, ok, detail, remedy='', more={}) %}
    {%- do log(tojson(dict({'check': check, 'ok': ok, 'detail': detail, 'remedy': remedy}, **more)), info=true) -%}
{% endmacro %}

{% macro doctor_ask(query) %}
    {%- call statement('doctor', fetch_result=true) %}{{ query }}{% endcall -%}
    {{ return(load_result('doctor')['data'][0]) }}
{% endmacro %}

{#- Names those of [name, expression, expected] that differ; a null differs. The expressions are about the rows
    of `query`, by the name of `given`. -#}
{% macro doctor_differences(facts, query) %}
    {%- set query -%}
        with given as ({{ query }})

        select
            {%- for fact in facts %}
            case when {{ fact[1] }} = {{ fact[2] }} then '' else '{{ fact[0] }}, ' end {{ '||' if not loop.last }}
            {%- endfor %} as wrong
        from given
    {%- endset -%}
    {{ return((doctor_ask(query)[0] | trim)[:-1]) }}
{% endmacro %}

{% macro doctor_relation(name) %}
    {{ return(api.Relation.create(
        database=target.database, schema=target.schema, identifier=name, type='table')) }}
{% endmacro %}

{#- Who is logged in, where, and on what. -#}
{% macro doctor_connection() %}{{ return(adapter.dispatch('doctor_connection', 'ai_focus')()) }}{% endmacro %}

{% macro default__doctor_connection() %}
    {%- set found = doctor_ask('select version() as version') -%}
    {%- do doctor_say('connection', true, target.type ~ ' ' ~ found[0]) -%}
{% endmacro %}

{% macro snowflake__doctor_connection() %}
    {%- set found = doctor_ask('select current_version() as version, current_user() as user_name, '
        ~ 'current_role() as role_name, current_warehouse() as warehouse_name') -%}
    {%- do doctor_say('connection', found[3] is not none,
        'Snowflake ' ~ found[0] ~ ', user ' ~ found[1] ~ ', role ' ~ found[2] ~ ', warehouse ' ~ found[3]
        ~ ', schema ' ~ target.database ~ '.' ~ target.schema,
        'Name a warehouse that the role may use with SNOWFLAKE_WAREHOUSE.') -%}
{% endmacro %}

{% macro bigquery__doctor_connection() %}
    {%- set found = doctor_ask('select session_user() as user_name') -%}
    {%- do doctor_say('connection', true, 'BigQuery, user ' ~ found[0] ~ ', project ' ~ target.project ~ ', dataset '
        ~ target.dataset ~ ', location ' ~ (target.location or 'by default')) -%}
{% endmacro %}

{#- May tables and views be made and dropped where the models go, and how are columns spelt there? -#}
{% macro doctor_rights() %}
    {%- set relation = doctor_relation('ai_focus_doctor') -%}
    {%- set view = doctor_relation('ai_focus_doctor_view') -%}
    {%- if not adapter.check_schema_exists(relation.database, relation.schema) -%}
        {%- do adapter.create_schema(relation.without_identifier()) -%}
    {%- endif -%}
    {%- call statement('create') %}
create or replace table {{ relation }} as
select {{ null_text() }} as x_CallId, cast('1.5' as {{ cost_type() }}) as BilledCost
    {%- endcall -%}
    {%- call statement('view') %}create or replace view {{ view }} as select BilledCost from {{ relation }}{% endcall -%}
    {%- set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- call statement('drop_view') %}drop view {{ view }}{% endcall -%}
    {%- call statement('drop') %}drop table {{ relation }}{% endcall -%}
    {%- do doctor_say('rights', true, 'made and dropped a table and a view in ' ~ relation.without_identifier()) -%}
    {%- do doctor_say('column names', columns | map('lower') | list == ['x_callid', 'billedcost'],
        'x_CallId, BilledCost are kept as ' ~ columns | join(', '),
        'Turn off what quotes or changes unquoted identifiers in the account.') -%}
{% endmacro %}

{#- Prices times quantities, discounts, rates and sums keep every digit. -#}
{% macro doctor_money() %}
    {%- set price = "cast('12345678.123456789012' as " ~ price_type() ~ ")" -%}
    {%- set quantity = "cast('1234567.123456' as " ~ quantity_type() ~ ")" -%}
    {%- set wrong = doctor_differences([
        ['product', multiply_price(price, quantity), "cast('15241568327989.716049659148265472' as " ~ cost_type() ~ ")"],
        ['discounted price', discounted_price("cast('0.000000000003' as " ~ price_type() ~ ")", '50'),
            "cast('0.000000000002' as " ~ price_type() ~ ")"],
        ['block of a million', pricing_quantity("1234567", '1000000'), "cast('1.234567' as " ~ quantity_type() ~ ")"],
        ['sum', 'sum(cost)', "cast('10000000000000000000.000000000000000003' as " ~ cost_type() ~ ")"],
    ], "select cast('10000000000000000000' as " ~ cost_type() ~ ") as cost union all select cast('0.000000000000000001' as "
        ~ cost_type() ~ ") union all select cast('0.000000000000000002' as " ~ cost_type() ~ ")") -%}
    {%- do doctor_say('money', not wrong, 'wrong: ' ~ wrong if wrong else 'products and sums keep 18 decimals',
        'Do not trust a cost there; report it with the version above.') -%}
{% endmacro %}

{#- Text becomes UTC, whatever the session's zone. -#}
{% macro doctor_time() %}
    {%- set expected = "cast('2026-03-29 00:30:00' as " ~ timestamp_type() ~ ")" -%}
    {%- set wrong = doctor_differences([
        ['offset', to_utc_timestamp('given.with_offset'), expected],
        ['no offset', to_utc_timestamp('given.plain'), expected],
        ['Z', to_utc_timestamp('given.with_z'), expected],
        ['start of the month', billing_period_start(to_utc_timestamp('given.plain')),
            "cast('2026-03-01 00:00:00' as " ~ timestamp_type() ~ ")"],
        ['end of the month', billing_period_end(to_utc_timestamp('given.plain')),
            "cast('2026-04-01 00:00:00' as " ~ timestamp_type() ~ ")"],
    ], "select '2026-03-29T02:30:00+02:00' as with_offset, '2026-03-29 00:30:00' as plain,"
        ~ " '2026-03-29T00:30:00Z' as with_z") -%}
    {%- do doctor_say('time', not wrong, 'wrong: ' ~ wrong if wrong else 'timestamps are UTC',
        'Set the time zone of the user or the project to UTC.') -%}
{% endmacro %}

{#- JSON text is read and written as the models need it. -#}
{% macro doctor_json() %}
    {%- set wrong = doctor_differences([
        ['path', json_text('given.document', ['a', 'b']), "'x y'"],
        ['number', json_text('given.document', ['n']), "'7'"],
        ['broken text', 'case when ' ~ is_json('given.broken') ~ " then 'json' else 'none' end", "'none'"],
        ['string', json_string('given.plain'), "'\"it is\"'"],
        ['members', json_members_like('given.headers', 'x-cost-', "['x-cost-user']"),
            "',\"x-cost-a\":\"1\",\"x-cost-b\":\"2\"'"],
    ], "select '{\"a\": {\"b\": \"x y\"}, \"n\": 7}' as document, '{\"a\": ' as broken, 'it is' as plain,"
        ~ " '{\"X-Cost-B\": \"2\", \"x-cost-a\": \"1\", \"x-cost-user\": \"u\", \"other\": \"3\"}' as headers") -%}
    {%- do doctor_say('json', not wrong, 'wrong: ' ~ wrong if wrong else 'JSON is read and written as the models need it',
        'Report it with the version above: tags and token details may be wrong.') -%}
{% endmacro %}

{#- The raw tables: there with what a build needs, and what it takes for empty. -#}
{% macro doctor_raw_tables() %}
    {%- if var('raw_origin') != 'source' -%}
        {%- do doctor_say('raw tables', true, 'not needed: the raw origin is ' ~ var('raw_origin')) -%}
    {%- else -%}
    {%- for node in graph.sources.values() | sort(attribute='name')
        if node.package_name == 'ai_focus' and node.source_name == 'raw' -%}
        {%- set folder = node.original_file_path.split('/')[2] -%}
        {%- if folder in usage_sources() or not node.config.meta.get('required') -%}
            {%- set relation = raw_relation(node.name) -%}
            {%- if relation is not none -%}{%- do doctor_raw_table(relation, node) -%}{%- endif -%}
        {%- endif -%}
    {%- endfor -%}
    {%- endif -%}
{% endmacro %}

{% macro doctor_raw_table(relation, node) %}
    {%- set found = adapter.get_relation(relation.database, relation.schema, relation.identifier) -%}
    {%- set missing = {'required': [], 'other': []} -%}
    {%- if found is not none -%}
        {%- set present = adapter.get_columns_in_relation(found) | map(attribute='name') | map('lower') | list -%}
        {%- for column in raw_columns(node.name) if column.name | lower not in present -%}
            {%- do missing['required' if column.is_required else 'other'].append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if found is none -%}
        {%- set said = ' is missing' if raw_is_needed(node.name) else ' is not there, so it is empty' -%}
    {%- elif missing.required -%}
        {%- set said = ' lacks ' ~ missing.required | join(', ') -%}
    {%- else -%}
        {%- set said = ' has all columns' ~ (' but ' ~ missing.other | join(', ') ~ ', null then' if missing.other else '') -%}
    {%- endif -%}
    {%- do doctor_say('raw table ' ~ node.name,
        not missing.required and (found is not none or not raw_is_needed(node.name)), relation ~ said,
        'Make it a table or view with these columns as text (docs/warehouses.md), or load a file with `focus-export load`.') -%}
{% endmacro %}

{#- A table to load into by the bulk path, with what reads it back and what drops it. -#}
{% macro doctor_load_table() %}
    {%- set relation = doctor_relation('ai_focus_doctor_load') -%}
    {%- call statement('create') %}
create or replace table {{ relation }} (cost {{ text_type() }}, moment {{ text_type() }})
    {%- endcall -%}
    {%- do log(tojson({
        'relation': relation.render(),
        'query': 'select cast(cost as ' ~ cost_type() ~ ') as BilledCost, ' ~ to_utc_timestamp('moment')
            ~ ' as ChargePeriodStart from ' ~ relation,
        'drop': 'drop table ' ~ relation,
    }), info=true) -%}
{% endmacro %}
