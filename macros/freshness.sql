{#- The latest stamp of a raw table, in UTC, for `dbt source freshness`: the first of the columns that a row has.
    A table that is told not to be there (raw_tables) is never late. -#}
{% macro latest_stamp(table, columns) -%}
{%- set relation = ai_focus.raw_relation(table) -%}
{%- if relation is none -%}
select {{ dbt.current_timestamp() }} as latest_stamp
{%- else -%}
{%- set texts = [] -%}
{%- for column in columns -%}
    {%- do texts.append(
        'nullif(' ~ ai_focus.trim_spaces(
            'cast(' ~ ai_focus.raw_identifier(column) ~ ' as ' ~ ai_focus.text_type() ~ ')') ~ ", '')") -%}
{%- endfor -%}
select max({{ ai_focus.to_utc_timestamp('stamp') }}) as latest_stamp
from (select {{ texts[0] if texts | length == 1 else 'coalesce(' ~ texts | join(', ') ~ ')' }} as stamp from {{ relation }}) as stamps
{%- endif -%}
{%- endmacro %}
