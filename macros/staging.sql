{#- What every staging model does alike: faults of a row. -#}

{#- The first fault of a raw row, as fault_field, fault_reason and fault_value. `checks` is a list of
    (field, column, condition, words) in the order in which they are looked for; the reason reads
    "field 'value' words." and, where the column is empty, "field is missing." -#}
{% macro first_fault(checks) -%}
    case
        when _fault is not null then {{ null_text() }}
        {%- for field, column, condition, words in checks %}
        when {{ condition }} then '{{ field }}'
        {%- endfor %}
    end as fault_field,
    case
        when _fault is not null then _fault
        {%- for field, column, condition, words in checks %}
        when {{ condition }}
            then coalesce(
                {{ sql_text(field ~ " '") }} || substr({{ column }}, 1, 80) || {{ sql_text("' " ~ words ~ '.') }},
                '{{ field }} is missing.'
            )
        {%- endfor %}
    end as fault_reason,
    case
        when _fault is not null then {{ null_text() }}
        {%- for field, column, condition, words in checks %}
        when {{ condition }} then {{ column }}
        {%- endfor %}
    end as fault_value
{%- endmacro %}

{#- Faults of a text column that must be a whole number of zero or more when it is there. `readings` are the columns
    beside which stands how the counts of their file are written (count_reading); without it 1.000 is refused. -#}
{% macro whole_number_faults(columns, readings) %}
    {%- set faults = [] -%}
    {%- for column in columns -%}
        {%- do faults.append([
            column,
            column,
            column ~ '_number is null and length(' ~ column ~ ') > 10 and ' ~ matches(column, '[0-9]{11,}([.]0+)?'),
            'is too large for a count, which has 10 digits at most',
        ]) -%}
        {%- if column in readings -%}
            {%- do faults.append([
                column,
                column,
                is_ambiguous_count(column) ~ ' and ' ~ column ~ "_reading = 'separator'",
                'is a thousand with a separator, as others of its file have: write it without',
            ]) -%}
        {%- endif -%}
        {%- do faults.append([
            column,
            column,
            is_ambiguous_count(column) ~ (' and ' ~ column ~ '_reading is null' if column in readings else ''),
            'is ambiguous: write a thousand without a separator, and one without decimals',
        ]) -%}
        {%- do faults.append([
            column,
            column,
            column ~ '_number is null and ' ~ has_separator(column),
            'is no whole number, or a thousand with a separator: write it without',
        ]) -%}
        {%- do faults.append([
            column,
            column,
            column ~ ' is not null and (' ~ column ~ '_number is null or ' ~ column ~ '_number < 0)',
            'is not a whole number of zero or more',
        ]) -%}
    {%- endfor -%}
    {{ return(faults) }}
{% endmacro %}

{#- A hash of several texts. Each stands with its length, so that no two lists of texts run together. -#}
{% macro hash_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append(
            "coalesce(cast(length(" ~ column ~ ") as " ~ ai_focus.text_type() ~ ") || ':', '-'), coalesce(" ~ column ~ ", '')") -%}
    {%- endfor -%}
    {{ ai_focus.text_hash('concat(' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro text_hash(expression) %}{{ return(adapter.dispatch('text_hash', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__text_hash(expression) %}md5({{ expression }}){% endmacro %}
{% macro bigquery__text_hash(expression) %}to_hex(md5({{ expression }})){% endmacro %}

{#- The columns of ai_unreadable_records for a staging model that carries first_fault(). One of several raw tables
    says itself of which each row is. -#}
{% macro rejected_rows_of(relation, source_name, raw_table, record_key) -%}
select
    cast('{{ source_name }}' as {{ text_type() }}) as source_name,
    cast({{ 'raw_table' if raw_table is none else sql_text(raw_table) }} as {{ text_type() }}) as raw_table,
    _file as file,
    _line as line,
    {{ record_key }} as record_key,
    fault_field as field,
    fault_reason as reason,
    fault_value as raw_value
from {{ relation }}
where fault_reason is not null
{%- endmacro %}

{#- What a provider says of usage: LiteLLM keeps it in usage_object, older rows in additional_usage_values. -#}
{% macro litellm_usage_detail(paths, path) -%}
coalesce(
            {{ text_in('metadata', paths, ['usage_object'] + path) }},
            {{ text_in('metadata', paths, ['additional_usage_values'] + path) }}
        )
{%- endmacro %}
