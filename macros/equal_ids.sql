{#- What two rows of one id mean, in every input but usage: an exact repeat counts once; of rows that differ, the one
    recorded last counts from then on, where the input says when; what differs and was recorded at once, or no one
    says when, is a contradiction, and none of it counts. -#}

{#- Whether a row differs from another one of its key (with its stamp, where it has one). A row with a fault of its
    own takes no other along. -#}
{% macro contradicts(content, key) -%}
coalesce(
            fault_reason is null
            and min(case when fault_reason is null then {{ content }} end) over (partition by {{ key | join(', ') }})
            <> max(case when fault_reason is null then {{ content }} end) over (partition by {{ key | join(', ') }}),
            false
        )
{%- endmacro %}

{#- The fault of a row, and that it contradicts another one. -#}
{% macro fault_or_contradiction(column, words='is given twice with different values', contradicts='is_contradicted') -%}
    case when {{ contradicts }} then '{{ column }}' else fault_field end as fault_field,
    case
        when {{ contradicts }}
            then {{ sql_text(column ~ " '") }} || {{ column }} || {{ sql_text("' " ~ words ~ '.') }}
        else fault_reason
    end as fault_reason,
    case when {{ contradicts }} then {{ column }} else fault_value end as fault_value
{%- endmacro %}
