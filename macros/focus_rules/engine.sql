{#- What the rule check needs of each engine. -#}

{#- JSON object whose values are text, numbers, true, false or null. -#}
{% macro focus_flat_json_pattern() -%}
    {%- set text = '"([^"\\\\]|\\\\.)*"' -%}
    {%- set number = '-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][-+]?[0-9]+)?' -%}
    {%- set pair = text ~ '\\s*:\\s*(' ~ text ~ '|' ~ number ~ '|true|false|null)' -%}
    {{- '\\s*[{]\\s*(' ~ pair ~ '(\\s*,\\s*' ~ pair ~ ')*)?\\s*[}]\\s*' -}}
{%- endmacro %}

{% macro focus_is_flat_json(value) -%}
    {{ adapter.dispatch('focus_is_flat_json', 'ai_focus')(value) }}
{%- endmacro %}

{% macro default__focus_is_flat_json(value) -%}
    {{ matches(value, focus_flat_json_pattern()) }}
{%- endmacro %}

{#- The pattern is five times slower than DuckDB's parser: it decides only where the parser can't. -#}
{% macro duckdb__focus_is_flat_json(value) -%}
    {%- set opened = "'{" ~ "%'" -%}
    {%- set nested = "'{" ~ "%{" ~ "%'" -%}
    {#- a case, because an `or` evaluates both of its sides -#}
    case
        when {{ value }} like {{ opened }} and {{ value }} not like {{ nested }}
            and not contains({{ value }}, '[') and json_valid({{ value }}) then true
        else {{ matches(value, focus_flat_json_pattern()) }}
    end
{%- endmacro %}


{% macro focus_is_json_object(value) -%}
    {{ adapter.dispatch('focus_is_json_object', 'ai_focus')(value) }}
{%- endmacro %}

{% macro default__focus_is_json_object(value) -%}
    coalesce(substr(ltrim({{ value }}), 1, 1) = '{' and {{ is_json(value) }}, false)
{%- endmacro %}

{% macro duckdb__focus_is_json_object(value) -%}
    (json_valid({{ value }}) and starts_with(ltrim({{ value }}), '{'))
{%- endmacro %}

{% macro bigquery__focus_is_json_object(value) -%}
    coalesce(json_type(safe.parse_json({{ value }}, wide_number_mode => 'round')) = 'object', false)
{%- endmacro %}


{#- True where cost is not price times quantity. Exact where the three columns have the project's
    own decimal types; within 1e-9 (absolute below 1) for any other number, as a file may have. -#}
{% macro focus_product_differs(cost, price, quantity, exact) -%}
    {%- if exact -%}
    {{ cost }} <> {{ multiply_price(price, quantity) }}
    {%- else -%}
    abs(cast({{ cost }} as double) - cast({{ price }} as double) * cast({{ quantity }} as double))
        > 1e-9 * greatest(abs(cast({{ cost }} as double)), 1)
    {%- endif -%}
{%- endmacro %}


{#- Columns of a relation as the engine's catalog lists them. -#}
{% macro focus_relation_columns(relation) -%}
    {{ adapter.dispatch('focus_relation_columns', 'ai_focus')(relation) }}
{%- endmacro %}

{% macro default__focus_relation_columns(relation) %}
    select column_name, ordinal_position, data_type
    from {{ relation.database }}.information_schema.columns
    where lower(table_schema) = lower('{{ relation.schema }}')
        and lower(table_name) = lower('{{ relation.identifier }}')
{% endmacro %}

{% macro duckdb__focus_relation_columns(relation) %}
    select column_name, ordinal_position, data_type
    from information_schema.columns
    where table_catalog = '{{ relation.database }}'
        and table_schema = '{{ relation.schema }}'
        and table_name = '{{ relation.identifier }}'
{% endmacro %}

{% macro bigquery__focus_relation_columns(relation) %}
    select column_name, ordinal_position, data_type
    from `{{ relation.database }}`.`{{ relation.schema }}`.INFORMATION_SCHEMA.COLUMNS
    where table_name = '{{ relation.identifier }}'
{% endmacro %}


{#- A column's spelling in the catalog: Snowflake folds unquoted names to upper case. -#}
{% macro focus_catalog_name(name) %}{{ adapter.dispatch('focus_catalog_name', 'ai_focus')(name) }}{% endmacro %}

{% macro default__focus_catalog_name(name) %}{{ name }}{% endmacro %}

{% macro snowflake__focus_catalog_name(name) %}{{ name | upper }}{% endmacro %}


{#- The one row of `totals` (failing_1, example_1, failing_2 ...) as a row per rule. -#}
{% macro focus_rows_of_totals(rules) -%}
    {{ adapter.dispatch('focus_rows_of_totals', 'ai_focus')(rules) }}
{%- endmacro %}

{% macro default__focus_rows_of_totals(rules) %}
    select
        numbered.rule_id,
        numbered.rule_level,
        case numbered.n
            {%- for rule in rules %}
            when {{ loop.index }} then totals.failing_{{ loop.index }}
            {%- endfor %}
        end as failing_rows,
        case numbered.n
            {%- for rule in rules %}
            when {{ loop.index }} then totals.example_{{ loop.index }}
            {%- endfor %}
        end as example
    from (
        {%- for rule in rules %}
        select {{ loop.index }} as n, '{{ rule['id'] }}' as rule_id, '{{ rule['level'] }}' as rule_level
        {{- ' union all' if not loop.last }}
        {%- endfor %}
    ) as numbered
    cross join totals
{% endmacro %}

{#- Planned in a fraction of the time that hundreds of case branches take. -#}
{% macro duckdb__focus_rows_of_totals(rules) %}
    select unnest([
        {%- for rule in rules %}
        struct_pack(
            rule_id := '{{ rule['id'] }}', rule_level := '{{ rule['level'] }}',
            failing_rows := failing_{{ loop.index }}, example := example_{{ loop.index }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ], recursive := true)
    from totals
{% endmacro %}
