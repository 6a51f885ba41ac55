{#- Text as a UTC timestamp without zone, or null when it is no date. Text with an offset is
    converted, text without one is UTC already, whatever the session's zone. -#}
{#- `is_iso` leaves out the other spellings, which take a view long to plan: the price book has none of them. -#}
{% macro to_utc_timestamp(expression, is_iso=false) %}
{{- return(adapter.dispatch('to_utc_timestamp', 'ai_focus')(expression, is_iso)) -}}
{% endmacro %}

{#- Anything but digits and separators after the date is an offset (+02:00, Z, UTC). -#}
{% macro has_offset(expression) -%}
not {{ matches('substr(' ~ expression ~ ', 11)', '[0-9:. Tt]*') }}
{%- endmacro %}

{#- A year of four digits comes first: DuckDB also takes infinity, epoch and years that no calendar
    column can hold. -#}
{% macro default__to_utc_timestamp(expression, is_iso=false) -%}
{#- CST and BST are several zones each, of which DuckDB takes one -#}
{%- set zone = '.*([Uu][Tt][Cc]|[Gg][Mm][Tt]|[Zz]|[+-](0[0-9]|1[0-8])(:?[0-5][0-9])?|[A-Za-z]+/[A-Za-z0-9_/+-]+)' -%}
case
    when substr({{ expression }}, 5, 1) not in ('-', '/') then {{ 'cast(null as ' ~ timestamp_type() ~ ')' if is_iso else other_spelling_to_utc(expression) }}
    when {{ has_offset(expression) }}
        then case
            when {{ matches('substr(' ~ expression ~ ', 11)', zone) }}
                then coalesce(
                    {{ zoned_text_to_utc(expression) }},
                    -- a blank before the offset, looked for where there is no time without
                    {{ zoned_text_to_utc("replace(replace(" ~ expression ~ ", ' +', '+'), ' -', '-')") }}
                )
        end
    else try_cast({{ expression }} as timestamp)
end
{%- endmacro %}

{#- Snowflake reads a bare number as an epoch, and neither dates with slashes nor zones by name; AUTO is not
    left to a parameter of the account. Beyond microseconds the other engines keep nothing. -#}
{% macro snowflake__to_utc_timestamp(expression, is_iso=false) -%}
{%- set text = 'upper(replace(' ~ expression ~ ", '/', '-'))" -%}
{%- set zoned -%}
regexp_replace(
            regexp_replace(
                regexp_replace({{ text }}, ' ?(UTC|GMT|Z)$', '+00:00'),
                ' ?([+-][0-9]{2}):?([0-9]{2})$', '{{ '\\\\1:\\\\2' }}'
            ),
            ' ?([+-][0-9]{2})$', '{{ '\\\\1:00' }}'
        )
{%- endset -%}
case
    when substr({{ expression }}, 5, 1) not in ('-', '/') then {{ 'cast(null as ' ~ timestamp_type() ~ ')' if is_iso else other_spelling_to_utc(expression) }}
    when {{ has_offset(expression) }} then {{ zoned_text_to_utc(zoned) }}
    else cast(try_to_timestamp_ntz({{ text }}, 'AUTO') as timestamp_ntz(6))
end
{%- endmacro %}

{#- BigQuery's TIMESTAMP is an instant; text without an offset is read as UTC. It knows neither dates with
    slashes nor times without seconds, and gives up at more than six decimals; what DuckDB refuses is
    refused before it is asked. -#}
{% macro bigquery__to_utc_timestamp(expression, is_iso=false) -%}
{%- set shape -%}
^(?:[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}|[0-9]{4}/[0-9]{1,2}/[0-9]{1,2})
{#- #}(?:[ T][0-9]{1,2}:[0-9]{1,2}(?::[0-5]?[0-9](?:[.][0-9]+)?)?
{#- #}(?:Z| ?[+-][0-9]{2}(?::?[0-9]{2})?| [A-Za-z][A-Za-z0-9_+/-]*)?)?$
{%- endset -%}
case
    when regexp_contains({{ expression }}, r'{{ shape }}')
        then safe_cast(
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        concat(
                            replace(substr({{ expression }}, 1, 10), '/', '-'),
                            replace(replace(substr({{ expression }}, 11), ' +', '+'), ' -', '-')
                        ),
                        r'([ T][0-9]{1,2}:[0-9]{1,2})($|[^:0-9])', r'\1:00\2'
                    ),
                    r'([.][0-9]{6})[0-9]+', r'\1'
                ),
                r'(?i) ?(?:utc|gmt|z)$', '+00:00'
            ) as timestamp
        )
    else {{ 'cast(null as ' ~ timestamp_type() ~ ')' if is_iso else other_spelling_to_utc(expression) }}
end
{%- endmacro %}

{#- What begins with no year and dash: Unix time, 20261120T100000Z, and dates with the month's name as of RFC 1123,
    JavaScript and access logs. Anything else is null. A time without a zone is UTC here too. -#}
{% macro other_spelling_to_utc(expression) -%}
{%- set months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'] -%}
{%- set month, weekday = '(' ~ months | join('|') ~ ')', '((mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?' -%}
{%- set zone = '( ?(gmt|utc|ut|z))?( ?[+-](0[0-9]|1[0-8])(:?[0-5][0-9])?)?' -%}
{#- seconds, milliseconds, microseconds or nanoseconds by the number of digits -#}
{%- set epoch = '[1-9][0-9]{9}([0-9]{3}){0,3}([.][0-9]+)?' -%}
{%- set basic = '[0-9]{8}[t ][0-9]{6}([.][0-9]+)?' ~ zone -%}
{%- set named = weekday ~ '([0-9]{1,2}[ /-]' ~ month ~ '[ /-]|' ~ month ~ ' [0-9]{1,2} )[0-9]{4}[ :]'
    ~ '[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?' ~ zone ~ '( [(].*[)])?' -%}
{%- set text = 'lower(' ~ expression ~ ')' -%}
{%- set parts_of_named = '^' ~ weekday ~ '(([0-9]{1,2})[ /-])?' ~ month ~ '[ /-](([0-9]{1,2}) )?([0-9]{4})[ :](.*)$' -%}
{%- set numbers_of_months -%}
case {{ rewritten(text, parts_of_named, '<5>') }}
                    {%- for name in months %} when '{{ name }}' then '{{ '%02d' % loop.index }}' {%- endfor %} end
{%- endset -%}
{#- Side by side, not one within the other: sqlfluff gives up at so many functions around a function. -#}
{%- set date_first -%}
case
            when {{ matches(text, basic) }}
                then {{ rewritten(
                    text, '^([0-9]{4})([0-9]{2})([0-9]{2}).([0-9]{2})([0-9]{2})([0-9]{2})', '<1>-<2>-<3> <4>:<5>:<6>'
                ) }}
            when {{ matches(text, named) }}
                then {{ rewritten(text, parts_of_named, '<8>-') }} || {{ numbers_of_months }}
                    || '-' || lpad({{ rewritten(text, parts_of_named, '<4><7>') }}, 2, '0')
                    || ' ' || {{ rewritten(text, parts_of_named, '<9>') }}
        end
{%- endset -%}
{%- set parts = '^(.{19}([.][0-9]{1,6})?)[0-9]*( ?(gmt|utc|ut|z))?( ?([+-][0-9]{2}):?([0-9]{2})?)?( [(].*)?$' -%}
{%- set iso -%}
{{ rewritten(date_first, parts, '<1>') }}
        || coalesce(nullif({{ rewritten(date_first, parts, '<6>') }}, ''), '+00')
        || ':' || coalesce(nullif({{ rewritten(date_first, parts, '<7>') }}, ''), '00')
{%- endset -%}
case
        when {{ matches(expression, epoch) }}
            then {{ later_by(
                'microsecond',
                'cast(substr(rpad(replace(' ~ expression ~ ", '.', ''), 16, '0'), 1, 16) as " ~ whole_type() ~ ')',
                "cast('1970-01-01 00:00:00' as " ~ timestamp_type() ~ ')'
            ) }}
        else {{ zoned_text_to_utc(iso) }}
    end
{%- endmacro %}

{#- The first place where the pattern fits, with <1> for its first group. -#}
{% macro rewritten(expression, pattern, replacement) %}
{{- return(adapter.dispatch('rewritten', 'ai_focus')(expression, pattern, replacement)) -}}
{% endmacro %}
{% macro default__rewritten(expression, pattern, replacement) -%}
regexp_replace({{ expression }}, '{{ pattern }}', '{{ modules.re.sub('<(.)>', '\\\\\\1', replacement) }}')
{%- endmacro %}
{% macro snowflake__rewritten(expression, pattern, replacement) -%}
regexp_replace({{ expression }}, '{{ pattern }}', '{{ modules.re.sub('<(.)>', '\\\\\\\\\\1', replacement) }}')
{%- endmacro %}
{% macro bigquery__rewritten(expression, pattern, replacement) -%}
regexp_replace({{ expression }}, r'{{ pattern }}', r'{{ modules.re.sub('<(.)>', '\\\\\\1', replacement) }}')
{%- endmacro %}

{#- ISO text with an offset. -#}
{% macro zoned_text_to_utc(expression) %}
{{- return(adapter.dispatch('zoned_text_to_utc', 'ai_focus')(expression)) -}}
{% endmacro %}
{% macro default__zoned_text_to_utc(expression) -%}
timezone('UTC', try_cast({{ expression }} as timestamp with time zone))
{%- endmacro %}
{% macro snowflake__zoned_text_to_utc(expression) -%}
cast(convert_timezone('UTC', try_to_timestamp_tz({{ expression }}, 'AUTO')) as timestamp_ntz(6))
{%- endmacro %}
{% macro bigquery__zoned_text_to_utc(expression) %}safe_cast({{ expression }} as timestamp){% endmacro %}

{#- A timestamp some units later. -#}
{% macro later_by(unit, count, expression) %}
{{- return(adapter.dispatch('later_by', 'ai_focus')(unit, count, expression)) -}}
{% endmacro %}
{% macro default__later_by(unit, count, expression) -%}
cast({{ dbt.dateadd(unit, count, expression) }} as {{ timestamp_type() }})
{%- endmacro %}

{#- dbt's macro multiplies an interval, which DuckDB does in 32 bits: no more than 35 minutes of microseconds. -#}
{% macro duckdb__later_by(unit, count, expression) -%}
{%- if unit == 'microsecond' -%}
cast({{ expression }} + to_microseconds({{ count }}) as {{ timestamp_type() }})
{%- else -%}
{{ default__later_by(unit, count, expression) }}
{%- endif -%}
{%- endmacro %}

{#- dbt's macro gives a DATETIME on BigQuery, which is neither compared nor mixed with a TIMESTAMP. -#}
{% macro bigquery__later_by(unit, count, expression) -%}
{%- if unit in ('month', 'quarter', 'year') -%}
timestamp(datetime_add(datetime({{ expression }}), interval {{ count }} {{ unit }}))
{%- else -%}
timestamp_add({{ expression }}, interval {{ count }} {{ unit }})
{%- endif -%}
{%- endmacro %}

{% macro floor_to_second(expression) -%}
cast({{ dbt.date_trunc('second', expression) }} as {{ timestamp_type() }})
{%- endmacro %}

{#- The end of a charge period: raised to a whole second, and a second after its start at least. -#}
{% macro charge_period_end(started_at, ended_at) -%}
cast(
    case
        when {{ ended_at }} <= {{ floor_to_second(started_at) }}
            then {{ later_by('second', 1, floor_to_second(started_at)) }}
        when {{ floor_to_second(ended_at) }} = {{ ended_at }}
            then {{ ended_at }}
        else {{ later_by('second', 1, floor_to_second(ended_at)) }}
    end as {{ timestamp_type() }}
)
{%- endmacro %}

{#- A billing period is a calendar month in UTC. -#}
{% macro billing_period_start(expression) -%}
cast({{ dbt.date_trunc('month', expression) }} as {{ timestamp_type() }})
{%- endmacro %}

{% macro billing_period_end(expression) -%}
{{ later_by('month', 1, billing_period_start(expression)) }}
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

{#- A timestamp of a whole second as YYYY-MM-DD HH:MM:SS: what a plain cast gives is up to the engine and, on
    Snowflake, to a parameter of the account. -#}
{% macro timestamp_text(expression) %}
{{- return(adapter.dispatch('timestamp_text', 'ai_focus')(expression)) -}}
{% endmacro %}
{% macro default__timestamp_text(expression) %}cast({{ expression }} as {{ text_type() }}){% endmacro %}
{% macro snowflake__timestamp_text(expression) %}to_char({{ expression }}, 'YYYY-MM-DD HH24:MI:SS'){% endmacro %}
{% macro bigquery__timestamp_text(expression) %}format_timestamp('%F %T', {{ expression }}){% endmacro %}

{#- Whole days between two days, each as its first moment. -#}
{% macro days_between(first, last) -%}
cast({{ dbt.datediff(first, last, 'day') }} as {{ whole_type() }})
{%- endmacro %}

{#- A month as YYYY-MM. -#}
{% macro year_and_month(expression) %}substr({{ timestamp_text(expression) }}, 1, 7){% endmacro %}
