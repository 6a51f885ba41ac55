{#- Every delivered row of a usage source is a call or a bucket, a superseded delivery of one, or rejected with a
    reason: per source, the rows delivered are the sum of the three, and no call stands twice. -#}
with records as (

    select
        source_name,
        fault_reason,
        case when fault_reason is null then replaces_key end as call_key
    from {{ ref('int_usage_records') }}

),

delivered as (

    select
        source_name,
        count(*) as deliveries,
        count(fault_reason) as rejected,
        -- of the valid deliveries of one call all but one are superseded
        count(call_key) - count(distinct call_key) as superseded
    from records
    group by source_name

),

calls_and_buckets as (

    select source_name, call_key from {{ ref('int_usage') }}
    union all
    select source_name, call_key from {{ ref('int_usage_buckets') }}

),

calls as (

    select
        source_name,
        count(*) as calls,
        count(distinct call_key) as call_keys
    from calls_and_buckets
    group by source_name

),

rejected as (

    select
        source_name,
        count(*) as rejected_rows
    from {{ ref('ai_unreadable_records') }}
    group by source_name

)

select
    delivered.source_name,
    delivered.deliveries,
    delivered.rejected,
    delivered.superseded,
    calls.calls,
    rejected.rejected_rows
from delivered
left join calls
    on delivered.source_name = calls.source_name
left join rejected
    on delivered.source_name = rejected.source_name
where
    delivered.deliveries
    <> coalesce(calls.calls, 0) + coalesce(delivered.superseded, 0) + coalesce(rejected.rejected_rows, 0)
    or calls.calls <> calls.call_keys
    or coalesce(delivered.rejected, 0) <> coalesce(rejected.rejected_rows, 0)
