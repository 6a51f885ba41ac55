with checked as (

    select * from {{ ref('stg_allocation__departments_checked') }}

)

-- a row delivered twice counts once
select
    department_id,
    min(name) as department_name,
    min(parent_id) as parent_department_id,
    min(cost_centre) as cost_centre,
    min(gl_code) as gl_code,
    min(owner) as owner,
    min(email) as email,
    starts_at as valid_from,
    known_from
from checked
where
    fault_reason is null
    {%- if var('price_book_as_of') %}
    and known_from <= {{ price_book_as_of() }}
    {%- endif %}
group by department_id, starts_at, known_from
