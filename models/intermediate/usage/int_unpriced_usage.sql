{{ config(materialized='table') }}

{#- One row per call, state of knowledge and meter that has no price, and why. One such meter holds its
    whole call back. -#}

with unpriced as (

    select
        call_key,
        knowledge_sequence,
        book_version,
        provider,
        model,
        meter,
        service_tier,
        processing_mode,
        region_id,
        is_capacity_paid
    from {{ ref('int_usage_priced') }}
    where list_unit_price is null

),

priced_skus as (

    select distinct
        book_version,
        provider,
        model,
        meter,
        service_tier,
        processing_mode,
        region_id
    from {{ ref('int_meter_prices') }}

)

-- a price for another region is none for this call
select distinct
    unpriced.call_key,
    unpriced.knowledge_sequence,
    unpriced.meter,
    case
        when unpriced.is_capacity_paid then 'capacity_paid'
        when unpriced.model is null then 'unknown_model'
        when priced_skus.meter is null then 'no_price_for_meter'
        else 'no_price_at_time'
    end as hold_reason
from unpriced
left join priced_skus
    on
        unpriced.book_version = priced_skus.book_version
        and unpriced.provider = priced_skus.provider
        and unpriced.model = priced_skus.model
        and unpriced.meter = priced_skus.meter
        and unpriced.service_tier = priced_skus.service_tier
        and unpriced.processing_mode = priced_skus.processing_mode
        and (
            priced_skus.region_id is null
            or unpriced.region_id is null
            or unpriced.region_id = priced_skus.region_id
        )
