{#- The first fault of a raw row, as fault_field, fault_reason and fault_value. `checks` is a list
    of (field, column, condition, words) in the order in which they are looked for; the reason reads
    "field 'value' words." and, where the column is empty, "field is missing." -#}
{% macro commitment_fault(checks) -%}
    case
        when _fault is not null then '_line'
        {%- for field, column, condition, words in checks %}
        when {{ condition }} then '{{ field }}'
        {%- endfor %}
    end as fault_field,
    case
        when _fault is not null then _fault
        {%- for field, column, condition, words in checks %}
        when {{ condition }}
            then coalesce(
                '{{ field }} ''' || {{ column }} || ''' {{ words | replace("'", "''") }}.',
                '{{ field }} is missing.'
            )
        {%- endfor %}
    end as fault_reason,
    case
        when _fault is not null then {{ null_text() }}
        {%- for field, column, condition, words in checks %}
        when {{ condition }} then {{ column }}
        {%- endfor %}
    end as fault_value
{%- endmacro %}

{#- A hash of a raw row: equal deliveries are one, and ties fall the same way every time. -#}
{% macro commitment_content(relation, columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append("coalesce(" ~ relation ~ "." ~ column ~ ", '')") -%}
    {%- endfor -%}
    {{ text_hash(parts | join(" || '|' || ")) }}
{%- endmacro %}
