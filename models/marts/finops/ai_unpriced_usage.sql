with usage_priced as (

    select * from {{ ref('int_usage_priced') }}
    where
        is_current
        and not is_cache_hit

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

unpriced_usage as (

    select * from {{ ref('int_unpriced_usage') }} where is_current

)

select
    usage_priced.call_key,
    usage_priced.source_name,
    usage_priced.call_id,
    usage_priced.billing_account_id,
    usage_priced.sub_account_id,
    usage_priced.provider_as_sent,
    usage_priced.provider,
    usage_priced.model_as_sent,
    usage_priced.model,
    usage_priced.deployment,
    usage_priced.meter,
    cast(sum(usage_priced.consumed_quantity) as {{ whole_type() }}) as consumed_quantity,
    usage_priced.service_tier,
    usage_priced.processing_mode,
    usage_priced.region_id,
    usage_priced.charge_period_start,
    {{ billing_period_start('usage_priced.charge_period_start') }} as usage_month,
    coalesce(unpriced_usage.hold_reason, 'other_meter_unpriced') as hold_reason,
    held_calls.hold_reason as call_hold_reason,
    usage_priced.record_grain
from usage_priced
inner join held_calls
    on usage_priced.call_key = held_calls.call_key
left join unpriced_usage
    on
        usage_priced.call_key = unpriced_usage.call_key
        and usage_priced.meter = unpriced_usage.meter
group by
    usage_priced.call_key,
    usage_priced.source_name,
    usage_priced.call_id,
    usage_priced.billing_account_id,
    usage_priced.sub_account_id,
    usage_priced.provider_as_sent,
    usage_priced.provider,
    usage_priced.model_as_sent,
    usage_priced.model,
    usage_priced.deployment,
    usage_priced.meter,
    usage_priced.service_tier,
    usage_priced.processing_mode,
    usage_priced.region_id,
    usage_priced.charge_period_start,
    usage_priced.record_grain,
    unpriced_usage.hold_reason,
    held_calls.hold_reason
