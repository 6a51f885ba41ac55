{#- A hash of a raw row: equal deliveries are one, and ties fall the same way every time. -#}
{% macro commitment_content(relation, columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("coalesce(" ~ relation ~ "." ~ column ~ ", '')") -%}
    {%- endfor -%}
    {{ text_hash(parts | join(" || '|' || ")) }}
{%- endmacro %}
