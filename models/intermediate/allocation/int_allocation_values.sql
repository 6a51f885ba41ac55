{{ config(materialized='table') }}

{#- One row per dimension of a call and value that some rule asks for, with a number of it; of tags per text of tags,
    numbered by which of the tags that are asked for stand in it. What no rule asks for has no row, so that calls that
    rules can't tell apart are one. -#}
{%- set dimensions = {
    'key_alias': 'key_alias', 'user_id': 'user_id', 'project': 'project', 'agent': 'agent', 'end_user': 'end_user',
    'feature': 'feature', 'model': 'model', 'sub_account': 'sub_account', 'sub_account_name': 'sub_account',
} -%}

with rules as (

    select * from {{ ref('int_allocation_rules') }}

),

tags as (

    select distinct
        tag_id,
        {{ tag_text('tag') }} as tag
    from rules
    where tag is not null

),

any_tag as (

    select min(tag_id) as tag_id from tags
    having count(*) > 0

),

texts as (

    select distinct counted.further_tags_json
    from {{ ref('int_usage_counted') }} as counted
    cross join any_tag
    where counted.further_tags_json is not null

),

tagged as (

    select
        texts.further_tags_json,
        {{ dbt.listagg(
            'cast(tags.tag_id as ' ~ text_type() ~ ')', sql_text(','), 'order by tags.tag_id'
        ) }} as tag_set
    from texts
    cross join tags
    where
        {{ dbt.position("',' || tags.tag", "',' || substr(" ~ tag_text('texts.further_tags_json') ~ ', 2)') }} > 0
    group by texts.further_tags_json

)
{% for dimension, condition in dimensions.items() %}
select
    cast('{{ dimension }}' as {{ text_type() }}) as dimension,
    {{ condition }} as value,
    row_number() over (order by {{ condition }}) as value_id,
    {{ null_text() }} as tag_set
from rules
where {{ condition }} is not null
group by {{ condition }}

union all
{% endfor %}
select
    cast('tag' as {{ text_type() }}) as dimension,
    further_tags_json as value,
    dense_rank() over (order by tag_set) as value_id,
    ',' || tag_set || ',' as tag_set
from tagged
