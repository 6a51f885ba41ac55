{{ config(enabled='gateway' in usage_sources()) }}

{%- set columns = [
    'call_key', 'call_id', 'billing_account_id', 'billing_account_name', 'provider', 'model', 'requested_model',
    'started_at', 'ended_at', 'latency_ms', 'prompt_tokens', 'completion_tokens', 'cache_read_tokens',
    'cache_write_tokens', 'reasoning_tokens', 'is_cache_hit', 'status', 'service_tier', 'processing_mode', 'region',
    'cost_department', 'cost_feature', 'cost_user', 'cost_session', 'classification', 'other_classification',
    'further_cost_tags', 'ingested_at',
] -%}

with calls as (

    {{ deliveries_that_count(
        ref('stg_gateway__calls'),
        ref('stg_gateway__repeated_calls'),
        columns,
        ['ended_at desc', 'completion_tokens desc', 'prompt_tokens desc'] + columns,
    ) }}

)

select
    cast('gateway' as {{ text_type() }}) as source_name,
    call_key,
    call_id,
    billing_account_id,
    billing_account_name,
    -- a department has no id of its own in the log: its name is the id
    cost_department as sub_account_id,
    cost_department as sub_account_name,
    provider as provider_as_sent,
    model,
    requested_model,
    {{ null_text() }} as deployment,
    false as is_spillover,
    started_at,
    ended_at,
    latency_ms,
    prompt_tokens,
    prompt_tokens as context_tokens,
    completion_tokens,
    reasoning_tokens,
    cache_read_tokens,
    cast(0 as {{ whole_type() }}) as cache_read_audio_tokens,
    cast(0 as {{ whole_type() }}) as cache_read_image_tokens,
    cache_write_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_5m_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_1h_tokens,
    cast(0 as {{ whole_type() }}) as input_audio_tokens,
    cast(0 as {{ whole_type() }}) as input_image_tokens,
    cast(0 as {{ whole_type() }}) as output_audio_tokens,
    cast(0 as {{ whole_type() }}) as web_search_requests,
    service_tier,
    processing_mode,
    region as region_id,
    is_cache_hit,
    status,
    cost_feature as feature,
    cost_user as user_id,
    cost_session as session_id,
    classification,
    other_classification,
    {{ json_object([
        json_member('x-cog-classification', 'classification'),
        json_member('x-cog-other-classification', 'other_classification'),
        json_member('x-cost-department', 'cost_department'),
        json_member('x-cost-feature', 'cost_feature'),
        'further_cost_tags',
        json_member('x-cost-session', 'cost_session'),
        json_member('x-cost-user', 'cost_user'),
    ]) }} as tags_json,
    -- without what names one session or person: the tags by which a day's calls are summed
    {{ json_object([
        json_member('x-cog-classification', 'classification'),
        json_member('x-cog-other-classification', 'other_classification'),
        json_member('x-cost-department', 'cost_department'),
        json_member('x-cost-feature', 'cost_feature'),
        'further_cost_tags',
    ]) }} as shared_tags_json,
    cast(null as {{ cost_type() }}) as source_cost,
    {{ null_text() }} as source_hold_reason,
    ingested_at,
    superseded_at,
    left_at
from calls
