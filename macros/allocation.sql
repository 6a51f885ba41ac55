{#- How departments are told apart: not by case or blanks. -#}
{% macro department_key(expression) -%}
lower(replace({{ expression }}, ' ', ''))
{%- endmacro %}

{#- What a rule can ask of a call: the condition's name -> what of a usage record it is compared with. -#}
{% macro allocation_dimensions(usage, model) %}
{{ return({
    'key_alias': 'lower(' ~ usage ~ '.key_alias)',
    'user_id': 'lower(' ~ usage ~ '.user_id)',
    'project': 'lower(' ~ usage ~ '.project_id)',
    'agent': 'lower(' ~ usage ~ '.agent_id)',
    'end_user': 'lower(' ~ usage ~ '.end_user_id)',
    'feature': 'lower(' ~ usage ~ '.feature)',
    'model': 'lower(' ~ usage ~ '.' ~ model ~ ')',
    'sub_account': ai_focus.department_key(usage ~ '.sub_account_id'),
    'sub_account_name': ai_focus.department_key(usage ~ '.sub_account_name'),
    'tag': usage ~ '.further_tags_json',
}) }}
{% endmacro %}

{#- What rules ask for of the values that a record has, as numbers. Where there are no rules the joins are to nothing,
    which costs nothing: what they compare is computed in them alone. -#}
{% macro join_allocation_values(usage, model='model_as_sent') -%}
{%- for dimension, value in allocation_dimensions(usage, model).items() %}
left join {{ ref('int_allocation_values') }} as of_{{ dimension }}
    on
        of_{{ dimension }}.dimension = '{{ dimension }}'
        and {{ value }} = of_{{ dimension }}.value
{%- endfor %}
{%- endmacro %}

{#- The department that a rule gives to a record, as it was known with a snapshot; after join_allocation_values. -#}
{% macro join_allocations(prices_as_of, started_at, name='allocations', usage='deliveries') -%}
left join {{ ref('int_allocations') }} as {{ name }}
    on
        {{ prices_as_of }} = {{ name }}.prices_as_of
        and {{ started_at }} >= {{ name }}.valid_from
        and {{ started_at }} < {{ name }}.valid_to
        {%- for dimension in allocation_dimensions(usage, 'model') %}
        and coalesce(of_{{ dimension }}.value_id, 0) = {{ name }}.{{ dimension }}
        {%- endfor %}
{%- endmacro %}

{#- Tags with a value of true, with quotes or without, as one text. -#}
{% macro tag_text(expression) %}replace({{ expression }}, ':true', ':"true"'){% endmacro %}

{#- All columns of a record, with the department that pays in place of the one that was sent, and the rule that says
    so; after join_allocations. -#}
{% macro allocated(usage) -%}
{{ usage }}.* replace (
        coalesce(allocations.department_id, {{ usage }}.sub_account_id) as sub_account_id,
        case
            when allocations.department_id is not null then allocations.department_name
            else {{ usage }}.sub_account_name
        end as sub_account_name
    ),
    {{ usage }}.sub_account_id as sub_account_id_as_sent,
    allocations.allocation_rule
{%- endmacro %}
