-- The gateway's log as ai_focus reads it: what acme has no column for is left out.
select
    request as call_id,
    customer_id,
    vendor as provider,
    model,
    requested_model,
    started_at,
    ended_at,
    latency_ms,
    prompt_tokens,
    completion_tokens,
    cached_tokens,
    cache_write_tokens,
    reasoning_tokens,
    cache_hit,
    service_tier,
    processing_mode,
    region,
    cost_department,
    ingested_at
from {{ source('fivetran_gateway', 'ai_gateway_log') }}
