{#- One row per bucket of usage and meter, as last delivered. -#}

select
    deliveries.*,
    deliveries.latest_model as model
from {{ ref('int_usage_deliveries') }} as deliveries
where
    deliveries.superseded_at is null
    and deliveries.record_grain = 'bucket'
