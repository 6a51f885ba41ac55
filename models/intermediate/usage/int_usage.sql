{#- One row per call of every enabled source, as last delivered. A bucket is none. -#}

with latest_snapshot as (

    select max(prices_as_of) as prices_as_of from {{ ref('int_price_snapshots') }}

)

select
    {{ allocated('deliveries') }},
    deliveries.latest_model as model
from {{ ref('int_usage_deliveries') }} as deliveries
{{ join_one_row('latest_snapshot') }}
{{- join_allocation_values('deliveries') }}
{{ join_allocations('latest_snapshot.prices_as_of', 'deliveries.started_at') }}
where
    deliveries.superseded_at is null
    and coalesce(deliveries.record_grain, 'call') <> 'bucket'
