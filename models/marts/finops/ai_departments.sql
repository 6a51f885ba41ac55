{#- One row per department and stretch of time over which it is described the same, as is known today. -#}
with departments as (

    select * from {{ ref('stg_allocation__departments') }}

),

recorded as (

    select
        *,
        row_number() over (partition by department_id, valid_from order by known_from desc) as recording
    from departments

),

held as (

    select
        *,
        coalesce(
            lead(valid_from) over (partition by department_id order by valid_from), {{ end_of_time() }}
        ) as valid_to
    from recorded
    where recording = 1

),

-- rows may spell the one above them in another case than it does itself
ids as (

    select
        lower(department_id) as department,
        min(department_id) as department_id
    from departments
    group by lower(department_id)

)

select
    held.department_id,
    held.department_name,
    ids.department_id as parent_department_id,
    held.cost_centre,
    held.gl_code,
    held.owner,
    held.email,
    held.valid_from,
    held.valid_to,
    held.known_from as recorded_at
from held
left join ids
    on lower(held.parent_department_id) = ids.department
