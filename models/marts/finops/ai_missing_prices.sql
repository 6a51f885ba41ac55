with unpriced as (

    select * from {{ ref('ai_unpriced_usage') }}
    -- the other reasons are no lack of a price
    where hold_reason in ('unknown_model', 'no_price_for_meter', 'no_price_at_time')

),

known_names as (

    select distinct
        provider,
        model_name,
        model
    from {{ ref('int_model_names') }}
    where is_latest

),

meters as (

    select * from {{ ref('ai_meters') }}

),

unknown_names as (

    select distinct provider, model_as_sent from unpriced where model is null

),

-- a model is as near as the nearest of its names; an unknown provider may be any
distances as (

    select
        unknown_names.provider,
        unknown_names.model_as_sent,
        case
            when unknown_names.provider is null then known_names.provider || '/' || known_names.model
            else known_names.model
        end as known_model,
        min({{ edit_distance('lower(unknown_names.model_as_sent)', 'known_names.model_name') }}) as distance
    from unknown_names
    inner join known_names
        on coalesce(unknown_names.provider, known_names.provider) = known_names.provider
    group by unknown_names.provider, unknown_names.model_as_sent, known_model

),

ranked as (

    select
        provider,
        model_as_sent,
        known_model,
        row_number() over (
            partition by provider, model_as_sent order by distance, known_model
        ) as nearness
    from distances

),

nearest as (

    select
        provider,
        model_as_sent,
        max(case when nearness = 1 then known_model end)
        || coalesce(', ' || max(case when nearness = 2 then known_model end), '')
        || coalesce(', ' || max(case when nearness = 3 then known_model end), '') as nearest_names
    from ranked
    where nearness <= 3
    group by provider, model_as_sent

)

select
    unpriced.provider_as_sent,
    unpriced.provider,
    unpriced.model_as_sent,
    unpriced.model,
    unpriced.meter,
    unpriced.service_tier,
    unpriced.processing_mode,
    unpriced.region_id,
    unpriced.hold_reason,
    min(unpriced.charge_period_start) as first_use,
    max(unpriced.charge_period_start) as last_use,
    count(distinct case when coalesce(unpriced.record_grain, 'call') <> 'bucket' then unpriced.call_key end) as calls,
    cast(sum(unpriced.consumed_quantity) as {{ whole_type() }}) as consumed_quantity,
    meters.consumed_unit,
    nearest.nearest_names
from unpriced
left join meters
    on unpriced.meter = meters.meter
left join nearest
    on
        unpriced.model is null
        and unpriced.model_as_sent = nearest.model_as_sent
        and coalesce(unpriced.provider, '') = coalesce(nearest.provider, '')
group by
    unpriced.provider_as_sent,
    unpriced.provider,
    unpriced.model_as_sent,
    unpriced.model,
    unpriced.meter,
    unpriced.service_tier,
    unpriced.processing_mode,
    unpriced.region_id,
    unpriced.hold_reason,
    meters.consumed_unit,
    nearest.nearest_names
