{{ config(enabled='litellm' in usage_sources()) }}

{%- set columns = [
    'call_key', 'call_id', 'billing_account_id', 'billing_account_name', 'sub_account_id', 'sub_account_name',
    'provider', 'model', 'model_group', 'started_at', 'ended_at', 'latency_ms', 'prompt_tokens', 'context_tokens', 'completion_tokens',
    'cache_read_tokens', 'cache_read_audio_tokens', 'cache_read_image_tokens', 'cache_write_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens', 'reasoning_tokens',
    'input_audio_tokens', 'input_image_tokens', 'output_audio_tokens', 'web_search_requests', 'is_cache_hit',
    'is_spillover', 'status', 'service_tier', 'processing_mode', 'region', 'user_id', 'session_id', 'tags_json',
    'spend', 'source_hold_reason', 'ingested_at',
] -%}

with calls as (

    {{ deliveries_that_count(
        ref('stg_litellm__calls'),
        ref('stg_litellm__repeated_calls'),
        columns,
        ['ended_at desc', 'completion_tokens desc', 'prompt_tokens desc'] + columns,
    ) }}

)

select
    cast('litellm' as {{ text_type() }}) as source_name,
    call_key,
    call_id,
    billing_account_id,
    billing_account_name,
    sub_account_id,
    sub_account_name,
    provider as provider_as_sent,
    model,
    model_group as requested_model,
    model_group as deployment,
    is_spillover,
    started_at,
    ended_at,
    latency_ms,
    prompt_tokens,
    context_tokens,
    completion_tokens,
    reasoning_tokens,
    cache_read_tokens,
    cache_read_audio_tokens,
    cache_read_image_tokens,
    cache_write_tokens,
    cache_write_5m_tokens,
    cache_write_1h_tokens,
    input_audio_tokens,
    input_image_tokens,
    output_audio_tokens,
    web_search_requests,
    service_tier,
    processing_mode,
    region as region_id,
    is_cache_hit,
    status,
    {{ null_text() }} as feature,
    user_id,
    session_id,
    {{ null_text() }} as classification,
    {{ null_text() }} as other_classification,
    tags_json,
    tags_json as shared_tags_json,
    spend as source_cost,
    source_hold_reason,
    ingested_at,
    superseded_at,
    left_at
from calls
