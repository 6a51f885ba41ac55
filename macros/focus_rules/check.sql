{#- One query that gives a row (rule_id, level, failing_rows, example) for every broken rule of a
    dataset version. `relation` is scanned once for the rules on single rows and once, grouped, for the
    rules on groups; `catalog` lists its columns. Only rows that break some rule reach the counting,
    so a clean table costs one evaluation of each predicate. `row_key` is text that names a row in the
    examples. `levels` limits the rules on values, `grouped` says whether those on groups are asked. `own` is false for a stranger's file, whose custom columns only need a proper name. -#}
{% macro focus_check_sql(
    dataset, focus_version, relation, catalog, present, row_key, text_columns=[], exact=true,
    typed=true, own=true, levels=['must', 'should'], grouped=true
) %}
{%- set rules = focus_value_rules(dataset, focus_version, present, text_columns, exact)
    | selectattr('level', 'in', levels) | list -%}
{%- set group_rules = focus_group_rules(dataset, focus_version, present)
    | selectattr('level', 'in', levels) | list if grouped else [] -%}
{%- set columns = [] -%}
{%- for rule in rules -%}
    {%- for name in rule['reads'] if name not in columns -%}{%- do columns.append(name) -%}{%- endfor -%}
    {%- set text = '_text_' ~ rule['reads'][0] -%}
    {%- if rule['reads'][0] in text_columns and text not in columns -%}{%- do columns.append(text) -%}{%- endif -%}
{%- endfor -%}
with expected as (
{{ focus_expected_columns(dataset, focus_version) }}
),

catalog_columns as (
{{ catalog }}
),

structure_results as (
{{ focus_structure_sql(dataset, typed, text_columns, own) }}
),

broken_rows as (
    select
        {{ row_key }} as row_key,
        {{ columns | join(',\n        ') }}
    from {{ relation }}
    where
        {%- for rule in rules %}
        {{ 'or ' if not loop.first }}({{ rule['predicate'] }})
        {%- endfor %}
),

judged_rows as (
    select
        {%- for rule in rules %}
        case when {{ rule['predicate'] }} then {{ focus_example(rule['reads']) }} end
            as example_{{ loop.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from broken_rows
),

totals as (
    select
        {%- for rule in rules %}
        count(example_{{ loop.index }}) as failing_{{ loop.index }},
        min(example_{{ loop.index }}) as example_{{ loop.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from judged_rows
),

value_results as (
    {{ focus_rows_of_totals(rules) }}
),
{% if group_rules %}
{%- set group_columns = [] -%}
{%- for rule in group_rules -%}
    {%- if rule['key'] not in group_columns -%}{%- do group_columns.append(rule['key']) -%}{%- endif -%}
    {%- if rule['value'] and rule['value'] not in group_columns -%}
        {%- do group_columns.append(rule['value']) -%}
    {%- endif -%}
{%- endfor %}
combinations as (
    select {{ group_columns | join(', ') }}, count(*) as row_count
    from {{ relation }}
    group by {{ group_columns | join(', ') }}
),

group_results as (
    {%- for rule in group_rules %}
    select
        '{{ rule['id'] }}' as rule_id,
        '{{ rule['level'] }}' as rule_level,
        count(*) as failing_rows,
        min(example) as example
    from (
        select
            {% if rule['value'] -%}
            concat('{{ rule['key'] }}=', {{ rule['key'] }}, ', {{ rule['value'] }}=',
                cast(min({{ rule['value'] }}) as {{ text_type() }}), ' and ',
                cast(max({{ rule['value'] }}) as {{ text_type() }})) as example
            {%- else -%}
            concat('{{ rule['key'] }}=', {{ rule['key'] }}) as example
            {%- endif %}
        from combinations
        where {{ rule['key'] }} is not null
        group by {{ rule['key'] }}
        having {{ 'min(' ~ rule['value'] ~ ') <> max(' ~ rule['value'] ~ ')' if rule['value'] else 'sum(row_count) > 1' }}
    ) as broken_groups
    {{- ' union all' if not loop.last }}
    {%- endfor %}
),
{% endif %}
results as (
    select rule_id, rule_level, failing_rows, example from structure_results
    union all
    select rule_id, rule_level, failing_rows, example from value_results
    {%- if group_rules %}
    union all
    select rule_id, rule_level, failing_rows, example from group_results
    {%- endif %}
)

select
    rule_id,
    rule_level,
    failing_rows,
    example
from results
where failing_rows > 0
{% endmacro %}


{#- The row's key and the values the rule looked at. -#}
{% macro focus_example(reads) -%}
    concat(row_key
    {%- for name in reads[:4] -%}
    , '{{ ': ' if loop.first else ', ' }}{{ name | replace('_text_', '') }}=', coalesce(substr(cast({{ name }} as {{ text_type() }}), 1, 100), 'null')
    {%- endfor -%}
    )
{%- endmacro %}


{% macro focus_expected_columns(dataset, focus_version) %}
{%- for column in focus_reference(dataset, focus_version)['columns'] %}
    select
        '{{ focus_catalog_name(column['name']) }}' as column_name,
        '{{ dataset }}.{{ column['name'] }}' as column_id,
        {{ loop.index }} as place,
        '{{ column['type'] }}' as focus_type,
        '{{ column['feature'] }}' as feature_level
    {{- ' union all' if not loop.last }}
{%- endfor %}
{% endmacro %}


{#- Presence, type, order and naming of columns. `typed` is false where every column is text (CSV):
    then the type is judged value by value, as it is for `text_columns`. -#}
{% macro focus_structure_sql(dataset, typed, text_columns, own) %}
    select
        concat(expected.column_id, '.presence') as rule_id,
        case expected.feature_level when 'Mandatory' then 'must' else 'should' end as rule_level,
        1 as failing_rows,
        concat('no column ', expected.column_name) as example
    from expected
    left join catalog_columns on catalog_columns.column_name = expected.column_name
    where catalog_columns.column_name is null and expected.feature_level <> 'Custom'
    {% if typed -%}
    union all
    select
        concat(expected.column_id, '.type') as rule_id,
        'must' as rule_level,
        1 as failing_rows,
        concat('the column has type ', catalog_columns.data_type) as example
    from expected
    inner join catalog_columns on catalog_columns.column_name = expected.column_name
    where not {{ focus_type_matches() }}
        {%- if not own %}
        and expected.feature_level <> 'Custom'
        {%- endif %}
        {%- if text_columns %}
        and expected.column_name not in ('{{ text_columns | join("', '") }}')
        {%- endif %}
    {%- endif %}
    union all
    select
        '{{ dataset }}.columns.unknown' as rule_id,
        'must' as rule_level,
        count(*) as failing_rows,
        min(catalog_columns.column_name) as example
    from catalog_columns
    left join expected on expected.column_name = catalog_columns.column_name
    where expected.column_name is null and lower(substr(catalog_columns.column_name, 1, 2)) <> 'x_'
    union all
    select
        '{{ dataset }}.columns.custom_name' as rule_id,
        'must' as rule_level,
        count(*) as failing_rows,
        min(column_name) as example
    from catalog_columns
    where lower(substr(column_name, 1, 2)) = 'x_'
        and (
            not {{ matches('column_name', focus_catalog_name('x') ~ '_[A-Z][A-Za-z0-9]*') }}
            or length(column_name) > 50
        )
    union all
    select
        '{{ dataset }}.columns.order' as rule_id,
        'should' as rule_level,
        count(*) as failing_rows,
        min(column_name) as example
    from (
        select
            column_name,
            row_number() over (order by ordinal_position) as delivered_place,
            row_number() over (
                order by
                    case when lower(substr(column_name, 1, 2)) = 'x_' then 1 else 0 end,
                    lower(column_name)
            ) as alphabetical_place
        from catalog_columns
    ) as places
    where delivered_place <> alphabetical_place
{% endmacro %}


{#- Numbers may be binary floats in a stranger's file; the contract keeps ours decimal. -#}
{% macro focus_type_matches() -%}
    case expected.focus_type
        when 'Decimal' then {{ matches('upper(catalog_columns.data_type)', '(DECIMAL|NUMERIC|NUMBER|BIGNUMERIC|DOUBLE|FLOAT|REAL|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|INT64).*') }}
        when 'Date/Time' then {{ matches('upper(catalog_columns.data_type)', '(TIMESTAMP|DATETIME).*') }}
        else {{ matches('upper(catalog_columns.data_type)', '(VARCHAR|TEXT|STRING|JSON).*') }}
    end
{%- endmacro %}
