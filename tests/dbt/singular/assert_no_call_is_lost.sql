{#- Every delivered row of a usage source is a call, a superseded delivery of one, or rejected with a
    reason: per source, the rows delivered are the sum of the three, and no call stands twice. -#}
with delivered as (

    {%- for source_name in usage_sources() %}
    {{ 'union all' if not loop.first }}
    select
        '{{ source_name }}' as source_name,
        count(*) as deliveries,
        sum(case when calls.fault_reason is not null then 1 else 0 end) as rejected,
        -- of the valid deliveries of one call all but one are superseded
        sum(case when calls.fault_reason is null and repeated_calls.call_key is not null then 1 else 0 end)
        - count(distinct repeated_calls.call_key) as superseded
    from {{ ref('stg_' ~ source_name ~ '__calls') }} as calls
    left join {{ ref('stg_' ~ source_name ~ '__repeated_calls') }} as repeated_calls
        on calls.call_key = repeated_calls.call_key
    {%- endfor %}

),

calls as (

    select
        source_name,
        count(*) as calls,
        count(distinct call_key) as call_keys
    from {{ ref('int_usage') }}
    group by source_name

),

rejected as (

    select
        source_name,
        count(*) as rejected_rows
    from {{ ref('rejected_rows') }}
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
