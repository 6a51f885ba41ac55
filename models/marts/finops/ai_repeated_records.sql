{#- What records of one id are compared by: all that is read of them but the stamp, which says which came later. -#}
{%- set fields = usage_columns(['usage']) | reject('in', ['source_name', 'ingested_at']) | list -%}

with records as (

    select * from {{ ref('int_usage_records') }} where fault_reason is null

),

repeated as (

    select * from {{ ref('int_usage_repeated') }}

),

-- most of what comes twice is the same file again: it is equal in every field
not_all_equal as (

    select records.replaces_key
    from records
    inner join repeated
        on records.replaces_key = repeated.call_key
    group by records.replaces_key
    having min(records.record_hash) <> max(records.record_hash)

),

ranked as (

    select
        records.*,
        row_number() over (
            partition by records.replaces_key, records.ingested_at
            order by
                {{ record_order('records') }},
                records._file,
                records._line
        ) as rank_of_stamp,
        dense_rank() over (
            partition by records.replaces_key
            order by records.ingested_at nulls first
        ) as stamp_number
    from records
    inner join not_all_equal
        on records.replaces_key = not_all_equal.replaces_key

),

first_of_stamp as (

    select * from ranked where rank_of_stamp = 1

),

-- the first of a stamp gave way to the first of the next stamp, the others to the first of theirs
compared as (

    select
        ranked.source_name,
        ranked.raw_table,
        ranked._file as file,
        ranked._line as line,
        ranked.replaces_key,
        ranked.call_id,
        ranked.billing_account_id,
        ranked.started_at,
        ranked.ended_at,
        ranked.ingested_at,
        ranked.rank_of_stamp,
        replacing.replaces_key is null as is_kept,
        replacing.ingested_at as replaced_at,
        case
            when replacing.replaces_key is not null
                then nullif(
                    substr(
                        {%- for field in fields %}
                        {{ '|| ' if not loop.first -}}
                        case
                            when ranked.{{ field }} is distinct from replacing.{{ field }} then ', {{ field }}'
                            else ''
                        end
                        {%- endfor %},
                        3
                    ),
                    ''
                )
        end as differing_fields
    from ranked
    left join first_of_stamp as replacing
        on
            ranked.replaces_key = replacing.replaces_key
            and ranked.stamp_number + case when ranked.rank_of_stamp = 1 then 1 else 0 end = replacing.stamp_number

),

of_their_id as (

    select
        *,
        count(differing_fields) over (partition by replaces_key) as differing_records
    from compared

)

select
    source_name,
    raw_table,
    file,
    line,
    replaces_key,
    call_id,
    billing_account_id,
    started_at,
    ended_at,
    ingested_at,
    cast(
        case
            when is_kept then 'kept'
            when differing_fields is null then 'repeated'
            when rank_of_stamp = 1 then 'superseded'
            else 'conflicting'
        end as {{ text_type() }}
    ) as outcome,
    case when rank_of_stamp = 1 and differing_fields is not null then replaced_at end as superseded_at,
    cast(differing_fields as {{ text_type() }}) as differing_fields
from of_their_id
where differing_records > 0
