{#- Text as a UTC timestamp without zone, or null when it is no date. Text with an offset is
    converted, text without one is UTC already, whatever the session's zone. -#}
{% macro to_utc_timestamp(expression) %}
{{- return(adapter.dispatch('to_utc_timestamp', 'ai_focus')(expression)) -}}
{% endmacro %}

{#- Anything but digits and separators after the date is an offset (+02:00, Z, UTC). -#}
{% macro has_offset(expression) -%}
not {{ matches('substr(' ~ expression ~ ', 11)', '[0-9:. Tt]*') }}
{%- endmacro %}

{#- A year of four digits comes first: DuckDB also takes infinity, epoch and years that no calendar
    column can hold. -#}
{% macro default__to_utc_timestamp(expression) -%}
case
    when substr({{ expression }}, 5, 1) not in ('-', '/') then null
    when {{ has_offset(expression) }}
        then timezone('UTC', try_cast({{ expression }} as timestamp with time zone))
    else try_cast({{ expression }} as timestamp)
end
{%- endmacro %}

{% macro snowflake__to_utc_timestamp(expression) -%}
case
    when {{ has_offset(expression) }}
        then convert_timezone('UTC', try_to_timestamp_tz({{ expression }}))::timestamp_ntz
    else try_to_timestamp_ntz({{ expression }})
end
{%- endmacro %}

{#- BigQuery's TIMESTAMP is an instant; text without an offset is read as UTC. -#}
{% macro bigquery__to_utc_timestamp(expression) -%}
safe_cast({{ expression }} as timestamp)
{%- endmacro %}

{% macro floor_to_second(expression) -%}
cast({{ dbt.date_trunc('second', expression) }} as {{ timestamp_type() }})
{%- endmacro %}

{#- The end of a charge period: raised to a whole second, and a second after its start at least. -#}
{% macro charge_period_end(started_at, ended_at) -%}
cast(
    case
        when {{ ended_at }} <= {{ floor_to_second(started_at) }}
            then {{ dbt.dateadd('second', 1, floor_to_second(started_at)) }}
        when {{ floor_to_second(ended_at) }} = {{ ended_at }}
            then {{ ended_at }}
        else {{ dbt.dateadd('second', 1, floor_to_second(ended_at)) }}
    end as {{ timestamp_type() }}
)
{%- endmacro %}

{#- A billing period is a calendar month in UTC. -#}
{% macro billing_period_start(expression) -%}
cast({{ dbt.date_trunc('month', expression) }} as {{ timestamp_type() }})
{%- endmacro %}

{% macro billing_period_end(expression) -%}
cast({{ dbt.dateadd('month', 1, billing_period_start(expression)) }} as {{ timestamp_type() }})
{%- endmacro %}

{#- Seconds since midnight, for prices with a daily window. -#}
{% macro second_of_day(expression) -%}
(
    extract(hour from {{ expression }}) * 3600
    + extract(minute from {{ expression }}) * 60
    + extract(second from {{ expression }})
)
{%- endmacro %}

{#- Months since year 0, so that months that follow each other have numbers that do. -#}
{% macro month_number(expression) -%}
(extract(year from {{ expression }}) * 12 + extract(month from {{ expression }}))
{%- endmacro %}

{#- ISO day of the week of the UTC date: 1 is Monday, 7 is Sunday. -#}
{% macro iso_weekday(expression) %}{{ return(adapter.dispatch('iso_weekday', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__iso_weekday(expression) %}extract(isodow from {{ expression }}){% endmacro %}
{% macro snowflake__iso_weekday(expression) %}dayofweekiso({{ expression }}){% endmacro %}
{#- BigQuery counts from Sunday, 1. -#}
{% macro bigquery__iso_weekday(expression) %}(mod(extract(dayofweek from {{ expression }}) + 5, 7) + 1){% endmacro %}

{#- A month as YYYY-MM. -#}
{% macro year_and_month(expression) %}substr(cast({{ expression }} as {{ text_type() }}), 1, 7){% endmacro %}
