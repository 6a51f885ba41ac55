{#- A hash of a raw row: equal deliveries are one, and ties fall the same way every time. -#}
{% macro commitment_content(relation, columns) -%}
    {%- set names = [] -%}
    {%- for column in columns -%}{%- do names.append(relation ~ '.' ~ column) -%}{%- endfor -%}
    {{ hash_of(names) }}
{%- endmacro %}
