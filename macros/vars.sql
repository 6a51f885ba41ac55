{#- The enabled usage sources. -#}
{% macro usage_sources() %}{{ return(var('usage_sources')) }}{% endmacro %}

{#- Whether an older FOCUS version is built. The newest one always is: it is what a name without a version stands for,
    and what is sent to CloudZero is made of it. -#}
{% macro builds_focus_version(version) %}
    {{ return(version in (var('focus_versions') | map('string') | list)) }}
{% endmacro %}

{#- Stops a run whose variables have values that no model knows: they would be taken for a default. What is left is
    a statement, since some engines of dbt refuse a hook that is none. -#}
{% macro check_vars() %}
    {%- set allowed = {
        'raw_origin': ['seed', 'file', 'source'],
        'resource_id': ['call', 'deployment', 'none'],
        'service_name': ['product', 'model'],
        'charges_materialization': ['table', 'incremental'],
        'focus_materialization': ['view', 'table'],
    } -%}
    {%- for name, values in allowed.items() -%}
        {%- if var(name) not in values -%}
            {{ exceptions.raise_compiler_error(
                "The variable " ~ name ~ " is '" ~ var(name) ~ "': it must be one of "
                ~ values | select | join(', ') ~ ".") }}
        {%- endif -%}
    {%- endfor -%}
    {%- if not modules.re.match('[1-9][0-9]{0,2}$', var('exchange_rate_days') | string) -%}
        {{ exceptions.raise_compiler_error(
            "The variable exchange_rate_days is '" ~ var('exchange_rate_days')
            ~ "': it must be a whole number of days from 1 to 999.") }}
    {%- endif -%}
    {%- set versions = var('focus_versions') -%}
    {%- set odd = [] if versions is string or versions is mapping or versions is not iterable
        else versions | map('string') | reject('in', all_focus_versions()) | list -%}
    {%- if versions is string or versions is mapping or versions is not iterable or odd -%}
        {{ exceptions.raise_compiler_error(
            "The variable focus_versions is " ~ versions ~ ", and FOCUS has "
            ~ all_focus_versions() | join(', ') ~ ": it must be a list of some of these.") }}
    {%- endif -%}
    {%- if execute %}{{ check_raw_tables(var('raw_tables') or {}) }}{% endif -%}
    {%- if var('price_book_as_of') and not is_instant(var('price_book_as_of') | string) -%}
        {{ exceptions.raise_compiler_error(
            "The variable price_book_as_of is '" ~ var('price_book_as_of')
            ~ "': it must be a date or timestamp, such as 2026-11-21.") }}
    {%- endif -%}
    {%- for name in var('price_book') or {} if name not in price_book_tables() -%}
        {{ exceptions.raise_compiler_error(
            "The variable price_book says of '" ~ name ~ "' where it is: the price book's tables are "
            ~ price_book_tables() | join(', ') ~ ".") }}
    {%- endfor -%}
    select 1 as checked_variables
{% endmacro %}

{#- Whether text is a day of the calendar, or an instant on one. A book of a day that is none would be empty. -#}
{% macro is_instant(text) %}
    {%- set found = modules.re.match(
        '((?:19|20)[0-9]{2})-(0[1-9]|1[0-2])-([0-9]{2})(?:[ T](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?Z?)?$', text) -%}
    {%- if not found -%}{{ return(false) }}{%- endif -%}
    {%- set year, month, day = found.group(1) | int, found.group(2) | int, found.group(3) | int -%}
    {%- set next_month = modules.datetime.date(year + month // 12, month % 12 + 1, 1) -%}
    {{ return(1 <= day <= (next_month - modules.datetime.timedelta(days=1)).day) }}
{% endmacro %}

{#- A name that no raw table has would be ignored, and the table read where it is not. -#}
{% macro check_raw_tables(places) %}
    {%- set names = [] -%}
    {%- for node in graph.sources.values() if node.package_name == 'ai_focus' and node.source_name == 'raw' -%}
        {%- do names.append(node.name) -%}
    {%- endfor -%}
    {%- for name, place in places.items() -%}
        {%- set is_known = name in names -%}
        {%- set keys = place.keys() | list if place is mapping else [] -%}
        {%- set odd = keys | reject('in', ['database', 'schema', 'identifier']) | list if keys != ['ref'] else [] -%}
        {%- if not is_known or odd or not (place is none or place is string or place is mapping) -%}
            {{ exceptions.raise_compiler_error(
                "The variable raw_tables says of '" ~ name ~ "': " ~ place ~ ". A raw table ("
                ~ names | sort | join(', ')
                ~ ") has a name, a mapping of database, schema and identifier, one of ref (a model), or null.") }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
