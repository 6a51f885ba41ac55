{{ config(materialized='table') }}

{#- A department stands below so many others at most; one that doesn't come to a top is in a circle. -#}
{%- set levels = 12 -%}

with departments as (

    select * from {{ raw('departments') }} as raw_rows

),

parents as (

    select
        lower(department_id) as department,
        min(lower(parent_id)) as parent
    from departments
    group by lower(department_id)

),

typed as (

    select
        departments.*,
        case
            when departments.valid_from is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('departments.valid_from') }}
        end as starts_at,
        case
            when departments.recorded_at is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('departments.recorded_at') }}
        end as known_from,
        parent_0.department is not null as is_parent_known,
        parent_{{ levels }}.department is not null as is_circular,
        {{ hash_of(['departments.name', 'departments.parent_id', 'departments.cost_centre', 'departments.gl_code',
            'departments.owner', 'departments.email']) }} as content_hash
    from departments
    left join parents as parent_0
        on lower(departments.parent_id) = parent_0.department
    {%- for level in range(levels) %}
    left join parents as parent_{{ level + 1 }}
        on parent_{{ level }}.parent = parent_{{ level + 1 }}.department
    {%- endfor %}

),

checked as (

    select
        *,
        {{ first_fault([
            ['department_id', 'department_id', 'department_id is null', 'is empty'],
            ['name', 'name', 'name is null', 'is empty'],
            ['parent_id', 'parent_id', 'parent_id is not null and not is_parent_known', 'is no department_id of departments'],
            ['parent_id', 'parent_id', 'is_circular',
             'leads back to the department itself, or stands below more than ' ~ levels ~ ' others'],
            ['valid_from', 'valid_from', 'starts_at is null', 'is no date and time'],
            ['recorded_at', 'recorded_at', 'known_from is null', 'is no date and time'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('content_hash', ['lower(department_id)', 'starts_at', 'known_from']) }} as is_contradicted
    from checked

)

select
    department_id,
    name,
    parent_id,
    cost_centre,
    gl_code,
    owner,
    email,
    valid_from,
    recorded_at,
    starts_at,
    known_from,
    {{ fault_or_contradiction(
        'department_id', 'is given twice with different values, one valid_from and one recorded_at'
    ) }},
    _file,
    _line
from compared
