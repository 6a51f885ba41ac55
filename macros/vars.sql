{#- The enabled usage sources. (dbt_project.yml names the default too: it is read before its vars.) -#}
{% macro usage_sources() %}{{ return(var('usage_sources', ['gateway', 'litellm'])) }}{% endmacro %}

{#- Stops a run whose variables have values that no model knows: they would be taken for a default. -#}
{% macro check_vars() %}
    {%- set allowed = {
        'raw_origin': ['seed', 'file', 'source'],
        'resource_id': ['call', 'deployment', 'none'],
        'service_name': ['product', 'model'],
    } -%}
    {%- for name, values in allowed.items() -%}
        {%- if var(name) not in values -%}
            {{ exceptions.raise_compiler_error(
                "The variable " ~ name ~ " is '" ~ var(name) ~ "': it must be one of "
                ~ values | join(', ') ~ ".") }}
        {%- endif -%}
    {%- endfor -%}
    {%- if not modules.re.match('[1-9][0-9]{0,2}$', var('exchange_rate_days') | string) -%}
        {{ exceptions.raise_compiler_error(
            "The variable exchange_rate_days is '" ~ var('exchange_rate_days')
            ~ "': it must be a whole number of days from 1 to 999.") }}
    {%- endif -%}
    {%- set as_of = var('price_book_as_of') | string -%}
    {%- if var('price_book_as_of') and not modules.re.match(
        '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?Z?)?$', as_of) -%}
        {{ exceptions.raise_compiler_error(
            "The variable price_book_as_of is '" ~ as_of ~ "': it must be a date or timestamp, such as 2026-11-21.") }}
    {%- endif -%}
{% endmacro %}
