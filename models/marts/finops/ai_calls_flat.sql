{#- The flat layout of an earlier system, whose names the extract gives to these columns in this order. -#}
with bookings as (

    select * from {{ ref('ai_calls_booked') }}

)

select
    billing_account_id,
    billing_period_start,
    -- that system's month ends on its last second
    {{ later_by('second', -1, 'billing_period_end') }} as billing_period_last_second,
    charge_period_start,
    charge_period_end,
    provider_as_sent,
    model_as_sent,
    sub_account_name,
    call_id,
    billed_cost,
    billing_currency,
    total_tokens,
    cast('tokens' as {{ text_type() }}) as usage_unit,
    input_tokens,
    output_tokens,
    coalesce(is_cache_hit, false) as is_cache_hit,
    latency_ms,
    feature,
    coalesce(
        case when allocation_rule is not null then sub_account_name end,
        {{ json_member_value('tags_json', 'x-cost-department') }},
        sub_account_name,
        sub_account_id
    ) as department,
    user_id,
    session_id,
    classification,
    sub_account_id,
    booking_key
from bookings
