{#- The latest stamp of a raw table, in UTC, for `dbt source freshness`: the first of the columns that a row has.
    What has no stamp to go by is never late: a table that is told not to be there, or that a model stands for
    (raw_tables), and one without these columns, which need not be there. -#}
{% macro latest_stamp(table, columns) -%}
{%- if ai_focus.raw_place(table) is none or ai_focus.raw_model(table) -%}
select {{ dbt.current_timestamp() }} as latest_stamp
{%- else -%}
{%- set relation = ai_focus.raw_relation(table) -%}
{%- set spellings = {} -%}
{%- for column in adapter.get_columns_in_relation(relation) -%}
    {%- do spellings.update({column.name | lower: adapter.quote(column.name)}) -%}
{%- endfor -%}
{%- set stamps = [] -%}
{%- for column in columns if column in spellings -%}
    {%- do stamps.append(
        'nullif(' ~ ai_focus.trim_spaces('cast(' ~ spellings[column] ~ ' as ' ~ ai_focus.text_type() ~ ')') ~ ", '')") -%}
{%- endfor -%}
{%- if stamps -%}
select max({{ ai_focus.to_utc_timestamp('stamp') }}) as latest_stamp
from (select {{ 'coalesce(' ~ (stamps + ['null']) | join(', ') ~ ')' }} as stamp from {{ relation }}) as stamps
{%- else -%}
{#- a table that is not there is an error -#}
select max({{ dbt.current_timestamp() }}) as latest_stamp
from (select 1 as one union all select count(*) as one from {{ relation }}) as counted
{%- endif -%}
{%- endif -%}
{%- endmacro %}
