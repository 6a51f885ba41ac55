{{ config(materialized='table') }}

{%- set conditions = [
    'key_alias', 'user_id', 'project', 'agent', 'end_user', 'feature', 'tag_key', 'tag_value', 'sub_account', 'model',
] -%}

with rules as (

    select * from {{ raw('allocation_rules') }} as raw_rows

),

typed as (

    select
        *,
        {{ whole_number('priority') }} as priority_number,
        case when valid_from is null then {{ begin_of_time() }} else {{ to_utc_timestamp('valid_from') }} end
            as starts_at,
        case when valid_to is null then {{ end_of_time() }} else {{ to_utc_timestamp('valid_to') }} end as ends_at,
        case when recorded_at is null then {{ begin_of_time() }} else {{ to_utc_timestamp('recorded_at') }} end
            as known_from,
        {{ hash_of(conditions + ['priority', 'department', 'valid_to']) }} as content_hash
    from rules

),

checked as (

    select
        *,
        {{ first_fault([
            ['rule_id', 'rule_id', 'rule_id is null', 'is empty'],
            ['priority', 'priority', 'priority_number is null or priority_number < 0', 'is not a whole number of zero or more'],
            ['department', 'department', 'department is null', 'is empty'],
            ['tag_key', 'tag_key', 'tag_key is null and tag_value is not null', 'is empty and tag_value is not'],
            ['valid_from', 'valid_from', 'starts_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'ends_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'ends_at < starts_at', 'lies before valid_from'],
            ['recorded_at', 'recorded_at', 'known_from is null', 'is no date and time'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('content_hash', ['rule_id', 'starts_at', 'known_from']) }} as is_contradicted
    from checked

)

select
    rule_id,
    priority,
    {{ conditions | join(',\n    ') }},
    department,
    valid_from,
    valid_to,
    recorded_at,
    priority_number,
    starts_at,
    ends_at,
    known_from,
    {{ fault_or_contradiction('rule_id', 'is given twice with different values, one valid_from and one recorded_at') }},
    _file,
    _line
from compared
