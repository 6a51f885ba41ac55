{#- What a source's usage objects hold that nothing here reads (seeds/reference/ai_source_fields.csv). Values never
    leave this place: texts are emptied and a number above 0 becomes 1, so that only names of fields remain. -#}

{#- The objects, by their names, as one JSON object without what the inventory knows, as far as an engine can take it
    away while it reads the row: ai_usage_findings asks the inventory once more. `objects` are name and expression,
    and what is no object is left out. -#}
{% macro unread_members(objects, source) -%}
{%- set members = [] -%}
{%- for name, expression in objects -%}
    {%- do members.append(
        '\'"' ~ name ~ '":\' || case when ' ~ expression ~ " like '{%' then " ~ expression ~ " else 'null' end"
    ) -%}
{%- endfor -%}
{{- return(adapter.dispatch('json_without', 'ai_focus')(
    "'{' || " ~ members | join(" || ',' || ") ~ " || '}'", unread_fields(source).known
)) -}}
{%- endmacro %}

{#- Known and holding paths of a source; older rows of LiteLLM have additional_usage_values in place of usage_object. -#}
{% macro unread_fields(source) -%}
{%- set fields = {} -%}
{%- for kind, paths in source_fields()[source].items() -%}
    {%- set every = [] -%}
    {%- for path in paths -%}
        {%- do every.append(path) -%}
        {%- if path[0] == 'usage_object' -%}{%- do every.append(['additional_usage_values'] + path[1:]) -%}{%- endif -%}
    {%- endfor -%}
    {%- do fields.update({kind: every}) -%}
{%- endfor -%}
{{- return(fields) -}}
{%- endmacro %}

{% macro default__json_without(expression, paths) %}{{ expression }}{% endmacro %}

{#- One pass: a merge patch takes away every member that it names with null. What is an array where the inventory has an
    object would be lost in it, so that a text with an array stays whole. -#}
{% macro duckdb__json_without(expression, paths) -%}
{%- set patch = {} -%}
{%- for path in paths -%}
    {%- set ns = namespace(at=patch) -%}
    {%- for key in path[:-1] -%}
        {%- if key not in ns.at -%}{%- do ns.at.update({key: {}}) -%}{%- endif -%}
        {%- set ns.at = ns.at[key] -%}
    {%- endfor -%}
    {%- do ns.at.update({path[-1]: none}) -%}
{%- endfor -%}
case
            when ({{ expression }}) like '%[%' then {{ expression }}
            else coalesce(
                cast(try(json_merge_patch({{ expression }}, '{{ tojson(patch) }}')) as varchar), {{ expression }}
            )
        end
{%- endmacro %}

{#- Its names where one has a number that is not 0, else null. -#}
{% macro names_of_numbers(expression) %}
{{- return(adapter.dispatch('names_of_numbers', 'ai_focus')(expression)) -}}
{% endmacro %}

{#- Every text is met from its first quote on, so that no quote within one begins another. Keys alone are kept; one that
    is no name may be anybody's text, and is emptied too. -#}
{% macro duckdb__names_of_numbers(expression) -%}
case
            when regexp_matches({{ expression }}, '[:,\[]\s*-?[0-9.]*[1-9]')
                then regexp_replace(
                    regexp_replace(
                        {{ expression }}, '"([A-Za-z0-9_-]{1,60})"(\s*:)|"(?:[^"\\]|\\.)*"(\s*:)|"(?:[^"\\]|\\.)*"', '"\1"\2\3', 'g'
                    ),
                    '([:,\[]\s*-?)[0-9.]*[1-9][0-9.]*(?:[eE][+-]?[0-9]+)?', '\11', 'g'
                )
        end
{%- endmacro %}

{% macro snowflake__names_of_numbers(expression) -%}
case
            when regexp_like({{ expression }}, $$.*[:,\[]\s*-?[0-9.]*[1-9].*$$, 's')
                then regexp_replace(
                    regexp_replace(
                        {{ expression }}, $$"([A-Za-z0-9_-]{1,60})"(\s*:)|"([^"\\]|\\.)*"(\s*:)|"([^"\\]|\\.)*"$$, $$"\1"\2\4$$
                    ),
                    $$([:,\[]\s*-?)[0-9.]*[1-9][0-9.]*([eE][+-]?[0-9]+)?$$, $$\11$$
                )
        end
{%- endmacro %}

{% macro bigquery__names_of_numbers(expression) -%}
case
            when regexp_contains({{ expression }}, r'[:,\[]\s*-?[0-9.]*[1-9]')
                then regexp_replace(
                    regexp_replace(
                        {{ expression }}, r'"([A-Za-z0-9_-]{1,60})"(\s*:)|"(?:[^"\\]|\\.)*"(\s*:)|"(?:[^"\\]|\\.)*"', r'"\1"\2\3'
                    ),
                    r'([:,\[]\s*-?)[0-9.]*[1-9][0-9.]*(?:[eE][+-]?[0-9]+)?', r'\11'
                )
        end
{%- endmacro %}

{#- What ai_usage_findings is to list: the other engines don't, and keep no more than holding a call takes. -#}
{% macro names_to_list(expression) %}
{{- return(adapter.dispatch('names_to_list', 'ai_focus')(expression)) -}}
{% endmacro %}
{% macro default__names_to_list(expression) %}{{ null_text() }}{% endmacro %}
{% macro duckdb__names_to_list(expression) %}{{ expression }}{% endmacro %}

{#- Whether names_of_numbers() kept a number at one of the paths that hold a call. -#}
{% macro has_holding_number(expression, source) -%}
{%- for path in unread_fields(source).holds %}
            {{ 'or ' if not loop.first }}coalesce({{ json_text(expression, path) }}, '') like '%1%'
{%- endfor %}
{%- endmacro %}

{#- The paths of numbers above 0 in the texts of a relation's column, which names_of_numbers() made, so that such a
    number is 1: one row per text and path, elements of arrays under the name of their array. -#}
{% macro json_number_paths(relation, column) %}
{{- return(adapter.dispatch('json_number_paths', 'ai_focus')(relation, column)) -}}
{% endmacro %}

{#- What the other engines have for that runs on no emulator, so it is not relied on: they hold calls by what stands
    there, and don't list it. -#}
{% macro default__json_number_paths(relation, column) -%}
select
        {{ column }} as json_text,
        {{ null_text() }} as number_path
    from {{ relation }}
    where {{ column }} is null and {{ column }} is not null
{%- endmacro %}

{% macro duckdb__json_number_paths(relation, column) -%}
select distinct
        texts.json_text,
        replace(regexp_replace(substr(member.fullkey, 3), '\[[0-9]+\]', '', 'g'), '"', '') as number_path
    from (select distinct {{ column }} as json_text from {{ relation }} where {{ column }} is not null) as texts,
        json_tree(texts.json_text) as member
    where cast(member.atom as varchar) = '1'
{%- endmacro %}
