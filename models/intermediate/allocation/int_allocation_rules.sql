{{ config(materialized='table') }}

{#- One row per snapshot of what is known, rule and stretch of time, in the order in which they are tried: first what
    users wrote, by priority; then the departments themselves, by id, then by name; last, of the spellings of one
    department, the one that was used first. -#}
{%- set conditions = ['key_alias', 'user_id', 'project', 'agent', 'end_user', 'feature', 'model'] -%}

with snapshots as (

    select distinct prices_as_of from {{ ref('int_price_snapshots') }}

),

known_rules as (

    select
        snapshots.prices_as_of,
        rules.*,
        row_number() over (
            partition by snapshots.prices_as_of, rules.rule_id, rules.valid_from
            order by rules.known_from desc
        ) as recording
    from snapshots
    inner join {{ ref('stg_allocation__rules') }} as rules
        on snapshots.prices_as_of >= rules.known_from

),

rule_versions as (

    select
        *,
        least(
            valid_to,
            coalesce(
                lead(valid_from) over (partition by prices_as_of, rule_id order by valid_from), {{ end_of_time() }}
            )
        ) as holds_until
    from known_rules
    where recording = 1

),

known_departments as (

    select
        snapshots.prices_as_of,
        departments.*
    from snapshots
    inner join {{ ref('stg_allocation__departments') }} as departments
        on snapshots.prices_as_of >= departments.known_from

),

names as (

    select
        prices_as_of,
        {{ department_key('department_id') }} as name_key,
        department_id,
        1 as kind,
        min(valid_from) as valid_from
    from known_departments
    group by 1, 2, 3

    union all

    select
        prices_as_of,
        {{ department_key('department_name') }} as name_key,
        department_id,
        2 as kind,
        min(valid_from) as valid_from
    from known_departments
    group by 1, 2, 3

),

-- ids before names: a name that is another department's id is that id
first_names as (

    select
        *,
        row_number() over (
            partition by prices_as_of, name_key
            order by kind, valid_from desc, department_id
        ) as choice
    from names

),

-- a display name follows what is known today
latest_departments as (

    select
        *,
        row_number() over (partition by department_id order by valid_from desc, known_from desc) as choice
    from {{ ref('stg_allocation__departments') }}

),

spellings as (

    select
        sub_account_id,
        {{ department_key('sub_account_id') }} as name_key,
        min(sub_account_name) as sub_account_name,
        min(started_at) as first_used
    from {{ ref('int_usage_counted') }}
    where sub_account_id is not null
    group by 1, 2

),

first_spellings as (

    select
        *,
        count(*) over (partition by name_key) as spellings,
        row_number() over (partition by name_key order by first_used, sub_account_id) as choice
    from spellings

),

rules as (

    select
        rule_versions.prices_as_of,
        0 as kind,
        rule_versions.priority,
        rule_versions.rule_id as allocation_rule,
        {%- for condition in conditions %}
        rule_versions.{{ condition }},
        {%- endfor %}
        rule_versions.sub_account,
        {{ json_string('rule_versions.tag_key') }} || ':' || coalesce({{ json_string('rule_versions.tag_value') }}, '')
            as tag,
        coalesce(first_names.department_id, rule_versions.department) as department_id,
        {{ null_text() }} as department_name,
        rule_versions.valid_from,
        rule_versions.holds_until as valid_to
    from rule_versions
    left join first_names
        on
            rule_versions.prices_as_of = first_names.prices_as_of
            and {{ department_key('rule_versions.department') }} = first_names.name_key
            and first_names.choice = 1
    where rule_versions.valid_from < rule_versions.holds_until

    union all

    select
        prices_as_of,
        kind,
        cast(0 as {{ whole_type() }}) as priority,
        'departments' as allocation_rule,
        {%- for condition in conditions %}
        {{ null_text() }} as {{ condition }},
        {%- endfor %}
        name_key as sub_account,
        {{ null_text() }} as tag,
        department_id,
        {{ null_text() }} as department_name,
        valid_from,
        {{ end_of_time() }} as valid_to
    from names

    union all

    select
        snapshots.prices_as_of,
        3 as kind,
        cast(0 as {{ whole_type() }}) as priority,
        'spelling' as allocation_rule,
        {%- for condition in conditions %}
        {{ null_text() }} as {{ condition }},
        {%- endfor %}
        first_spellings.name_key as sub_account,
        {{ null_text() }} as tag,
        first_spellings.sub_account_id as department_id,
        first_spellings.sub_account_name as department_name,
        {{ begin_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to
    from snapshots
    cross join first_spellings
    where
        first_spellings.spellings > 1
        and first_spellings.choice = 1

)

select
    rules.prices_as_of,
    row_number() over (
        partition by rules.prices_as_of
        order by
            rules.kind, rules.priority, rules.allocation_rule, rules.valid_from desc, rules.sub_account,
            rules.department_id
    ) as rule_order,
    cast(rules.allocation_rule as {{ text_type() }}) as allocation_rule,
    {%- for condition in conditions %}
    rules.{{ condition }},
    {%- endfor %}
    rules.sub_account,
    rules.tag,
    case when rules.tag is not null then dense_rank() over (order by rules.tag) end as tag_id,
    rules.department_id,
    coalesce(latest_departments.department_name, rules.department_name, rules.department_id) as department_name,
    rules.valid_from,
    rules.valid_to
from rules
left join latest_departments
    on
        rules.department_id = latest_departments.department_id
        and latest_departments.choice = 1
