{#- One row per call of every enabled source, as last delivered. -#}

select * from {{ ref('int_usage_deliveries') }}
where superseded_at is null
