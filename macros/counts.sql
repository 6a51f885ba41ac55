{#- Counts as text. 7 and 7.0 are whole; 7.5, 1e3 (digits may be missing) and words are not. What 1.000 is, one or a
    thousand, the other counts of its file and column tell. -#}

{#- Text as a whole number, or null; a point is one before decimals.
    More than 10 digits are no count of one call: sums of them would not fit the quantity type. -#}
{% macro whole_number(expression) %}
    case
        when
            length({{ expression }}) <= 10
            and cast({{ try_cast(expression, whole_type()) }} as {{ text_type() }}) = {{ expression }}
            then {{ try_cast(expression, whole_type()) }}
        when {{ matches(expression, '-?[0-9]{1,10}[.]0+') }}
            then {{ try_cast(dbt.split_part(expression, "'.'", 1), whole_type()) }}
    end
{%- endmacro %}

{#- Whether a text column of counts may hold such texts. How the others are written need not be asked where not: it
    is a second pass over all rows, for which DuckDB keeps them. -#}
{% macro has_ambiguous_counts(table, columns) %}
{{- return(adapter.dispatch('has_ambiguous_counts', 'ai_focus')(table, columns)) -}}
{% endmacro %}
{% macro default__has_ambiguous_counts(table, columns) %}{{ return(true) }}{% endmacro %}

{% macro duckdb__has_ambiguous_counts(table, columns) %}
    {%- if var('raw_origin') != 'file' -%}{{ return(true) }}{%- endif -%}
    {%- for group in duckdb__raw_files().get(table, []) -%}
        {%- if group.has_ambiguous -%}{{ return(true) }}{%- endif -%}
        {%- for type in group.get('types', []) if type == 'VARCHAR' and group.columns[loop.index0] in columns -%}
            {{ return(true) }}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(false) }}
{% endmacro %}

{#- 1.000: one with decimals, or a thousand with a separator. Few texts get as far as the pattern. -#}
{% macro is_ambiguous_count(expression) -%}
{{ return(expression ~ " like '%.000' and " ~ matches(expression, '-?[1-9][0-9]{0,2}[.]000')) }}
{%- endmacro %}

{#- 1.234, 1.000.000, 1.234,0: as decimals they are no count at all. -#}
{% macro has_separator(expression) -%}
{{ return(matches(expression, '-?[1-9][0-9]{0,2}([.][0-9]([0-9][1-9]|[1-9]0)|([.][0-9]{3}){2,}|([.][0-9]{3})+,[0-9]+)')) }}
{%- endmacro %}

{#- 7.0, 7.5, 0.000, 1234.000: nobody separates thousands so. Nor do the zeros of 12.500 say so, unless another
    count has a separator: they are what is left where all have three decimals. -#}
{% macro has_decimals(expression) -%}
{{ return(matches(expression, '-?([0-9]+[.]([0-9]{1,2}|[0-9]{4,})|(0[0-9]*|[0-9]{4,})[.][0-9]{3}|[1-9][0-9]{0,2}[.][1-9]00)')) }}
{%- endmacro %}

{#- How the counts of one column of one file are written, of an aggregate: 'separator' goes before 'decimals'. -#}
{% macro count_reading(expression) -%}
max(
            case
                when {{ has_separator(expression) }} then 'separator'
                when {{ has_decimals(expression) }} then 'decimals'
            end
        )
{%- endmacro %}

{#- The CTE read_counts: a relation with one reading per file and column beside its counts. -#}
{% macro with_count_readings(relation, columns) -%}
count_readings as (

    select
        coalesce(_file, '') as file,
        {%- for column in columns %}
        {{ count_reading(column) }} as {{ column }}_reading{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    where
        {%- for column in columns %}
        {{ 'or ' if not loop.first }}{{ column }} like '%.%'
        {%- endfor %}
    group by 1

),

read_counts as (

    select
        {{ relation }}.*,
        {%- for column in columns %}
        count_readings.{{ column }}_reading{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    left join count_readings
        on coalesce({{ relation }}._file, '') = count_readings.file

),

{% endmacro %}
