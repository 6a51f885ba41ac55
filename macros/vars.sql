{#- The enabled usage sources. -#}
{% macro usage_sources() %}{{ return(var('usage_sources')) }}{% endmacro %}

{#- Stops a run whose variables have values that no model knows: they would be taken for a default. -#}
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
    {%- if execute %}{{ check_raw_tables(var('raw_tables') or {}) }}{% endif -%}
    {%- set as_of = var('price_book_as_of') | string -%}
    {%- if var('price_book_as_of') and not modules.re.match(
        '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?)?$', as_of) -%}
        {{ exceptions.raise_compiler_error(
            "The variable price_book_as_of is '" ~ as_of ~ "': it must be a date or timestamp, such as 2026-11-21.") }}
    {%- endif -%}
{% endmacro %}

{#- A name that no raw table has would be ignored, and the table read where it is not. -#}
{% macro check_raw_tables(places) %}
    {%- set names = [] -%}
    {%- for node in graph.sources.values() if node.package_name == 'ai_focus' and node.source_name == 'raw' -%}
        {%- do names.append(node.name) -%}
    {%- endfor -%}
    {%- for name, place in places.items() -%}
        {%- set is_known = name in names -%}
        {%- set odd = place.keys() | reject('in', ['database', 'schema', 'identifier']) | list
            if place is mapping else [] -%}
        {%- if not is_known or odd or not (place is none or place is string or place is mapping) -%}
            {{ exceptions.raise_compiler_error(
                "The variable raw_tables says of '" ~ name ~ "': " ~ place ~ ". A raw table ("
                ~ names | sort | join(', ')
                ~ ") has a name, a mapping of database, schema and identifier, or null.") }}
        {%- endif -%}
    {%- endfor -%}
{% endmacro %}
