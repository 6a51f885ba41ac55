with checked as (

    select * from {{ ref('stg_allocation__rules_checked') }}

)

-- a row delivered twice counts once
select distinct
    rule_id,
    priority_number as priority,
    lower(key_alias) as key_alias,
    lower(user_id) as user_id,
    lower(project) as project,
    lower(agent) as agent,
    lower(end_user) as end_user,
    lower(feature) as feature,
    tag_key,
    tag_value,
    {{ department_key('sub_account') }} as sub_account,
    lower(model) as model,
    department,
    starts_at as valid_from,
    ends_at as valid_to,
    known_from
from checked
where
    fault_reason is null
    {%- if var('price_book_as_of') %}
    and known_from <= {{ price_book_as_of() }}
    {%- endif %}
