{#- One row per call of every enabled source, as last delivered. A bucket is none. -#}

select
    deliveries.*,
    deliveries.latest_model as model
from {{ ref('int_usage_deliveries') }} as deliveries
where
    deliveries.superseded_at is null
    and coalesce(deliveries.record_grain, 'call') <> 'bucket'
