{{ config(materialized='table') }}

{#- One row per source, billing account, provider and day of use: few, so that who asks how far a source has
    told reads no call. -#}

with deliveries as (

    select * from {{ ref('int_usage_deliveries') }}

)

select
    source_name,
    billing_account_id,
    provider,
    cast({{ dbt.date_trunc('day', 'started_at') }} as {{ timestamp_type() }}) as usage_day,
    cast(
        sum(case when superseded_at is null and coalesce(record_grain, 'call') <> 'bucket' then 1 else 0 end)
        as {{ whole_type() }}
    ) as calls,
    min(started_at) as first_record_at,
    max(started_at) as last_record_at,
    -- of the deliveries that counted once as well: they tell that the source was heard
    max(ingested_at) as last_ingested_at
from deliveries
group by 1, 2, 3, 4
