{{ config(materialized='table') }}

{#- One row per combination of values that rules ask for, as calls have them (0 is any other value), snapshot of what is
    known, and stretch of time, with the department of the first rule that matches. A combination that none matches
    has no row. -#}
{%- set dimensions = allocation_dimensions('counted', 'model').keys() | list -%}
{%- set equal = ['key_alias', 'user_id', 'project', 'agent', 'end_user', 'feature', 'model'] -%}

with rules as (

    select
        numbered.prices_as_of,
        numbered.rule_order,
        numbered.allocation_rule,
        numbered.tag_id,
        numbered.department_id,
        numbered.department_name,
        numbered.valid_from,
        numbered.valid_to,
        {%- for dimension in equal + ['sub_account'] %}
        coalesce(of_{{ dimension }}.value_id, 0) as {{ dimension }}_number{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_allocation_rules') }} as numbered
    {%- for dimension in equal + ['sub_account'] %}
    left join {{ ref('int_allocation_values') }} as of_{{ dimension }}
        on
            of_{{ dimension }}.dimension = '{{ dimension }}'
            and numbered.{{ dimension }} = of_{{ dimension }}.value
    {%- endfor %}

),

any_rule as (

    select min(rule_order) as rule_order from rules
    having count(*) > 0

),

combinations as (

    select distinct
        {%- for dimension in dimensions %}
        coalesce(of_{{ dimension }}.value_id, 0) as {{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_usage_counted') }} as counted
    cross join any_rule
    {{- join_allocation_values('counted', 'model') | indent(4) }}

),

tag_sets as (

    select distinct
        value_id,
        tag_set
    from {{ ref('int_allocation_values') }}
    where dimension = 'tag'

),

tagged as (

    select
        combinations.*,
        row_number() over (order by combinations.{{ dimensions | join(', combinations.') }}) as combination,
        tag_sets.tag_set
    from combinations
    left join tag_sets
        on combinations.tag = tag_sets.value_id

),

candidates as (

    select
        tagged.combination,
        rules.prices_as_of,
        rules.rule_order,
        rules.allocation_rule,
        rules.department_id,
        rules.department_name,
        rules.valid_from,
        rules.valid_to
    from tagged
    cross join rules
    where
        {%- for dimension in equal %}
        rules.{{ dimension }}_number in (0, tagged.{{ dimension }}) and
        {%- endfor %}
        rules.sub_account_number in (0, tagged.sub_account, tagged.sub_account_name)
        and (
            rules.tag_id is null
            or {{ dbt.position("',' || cast(rules.tag_id as " ~ text_type() ~ ") || ','", 'tagged.tag_set') }} > 0
        )

),

instants as (

    select
        combination,
        prices_as_of,
        valid_from as starts_at
    from candidates

    union distinct

    select
        combination,
        prices_as_of,
        valid_to as starts_at
    from candidates

),

stretches as (

    select
        *,
        lead(starts_at) over (partition by combination, prices_as_of order by starts_at) as ends_at
    from instants

),

matched as (

    select
        stretches.combination,
        stretches.prices_as_of,
        stretches.starts_at,
        stretches.ends_at,
        candidates.allocation_rule,
        candidates.department_id,
        candidates.department_name,
        row_number() over (
            partition by stretches.combination, stretches.prices_as_of, stretches.starts_at
            order by candidates.rule_order
        ) as match_number
    from stretches
    inner join candidates
        on
            stretches.combination = candidates.combination
            and stretches.prices_as_of = candidates.prices_as_of
            and stretches.starts_at >= candidates.valid_from
            and stretches.ends_at <= candidates.valid_to

)

select
    matched.prices_as_of,
    {%- for dimension in dimensions %}
    tagged.{{ dimension }},
    {%- endfor %}
    matched.starts_at as valid_from,
    matched.ends_at as valid_to,
    matched.allocation_rule,
    matched.department_id,
    matched.department_name
from matched
inner join tagged
    on matched.combination = tagged.combination
where matched.match_number = 1
