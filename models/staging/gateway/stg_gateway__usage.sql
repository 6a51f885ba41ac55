{{ config(materialized='table', enabled='gateway' in usage_sources()) }}

{%- set token_columns = [
    'prompt_tokens', 'completion_tokens', 'cached_tokens', 'cache_write_tokens', 'reasoning_tokens',
] -%}
{%- set readings = token_columns if has_ambiguous_counts('gateway_calls', token_columns) else [] -%}

with raw_calls as (

    select * from {{ raw('gateway_calls') }} as raw_rows

),

typed as (

    select
        _file,
        _line,
        _fault,
        {{ record_hash('gateway_calls') }} as record_hash,
        call_id,
        coalesce(customer_id, {{ sql_text(var('billing_account_id')) }}) as billing_account_id,
        case
            when customer_id is not null then customer_name
            else {{ sql_text(var('billing_account_name')) if var('billing_account_name') else null_text() }}
        end as billing_account_name,
        provider,
        model,
        requested_model,
        started_at as started_at_text,
        ended_at as ended_at_text,
        latency_ms as latency_ms_text,
        {{ to_utc_timestamp('started_at') }} as started_at,
        {{ to_utc_timestamp('ended_at') }} as ended_at,
        {{ try_decimal('latency_ms', 15, 3) }} as latency_ms,
        {%- for column in token_columns %}
        {{ column }},
        {{ whole_number(column) }} as {{ column }}_number,
        {%- endfor %}
        cache_hit,
        {{ truth_of('cache_hit') }} as is_cache_hit,
        status,
        service_tier,
        processing_mode,
        region,
        cost_department,
        cost_feature,
        cost_user,
        cost_session,
        {{ trim_spaces('classification') }} as sent_classification,
        {{ json_members_like(
            'raw_calls.headers',
            'x-cost-',
            "['x-cost-department', 'x-cost-feature', 'x-cost-session', 'x-cost-user']"
        ) }} as further_cost_tags,
        ingested_at as ingested_at_text,
        {{ to_utc_timestamp('ingested_at') }} as ingested_at
    from raw_calls

),

{{ with_count_readings('typed', readings) if readings -}}
checked as (

    select
        *,
        case when lower(sent_classification) in ('investment', 'waste') then lower(sent_classification) end
            as classification,
        -- what it says instead, such as how confidential the data are: not lost, and not mistaken for it
        case when lower(sent_classification) not in ('', 'investment', 'waste') then sent_classification end
            as other_classification,
        {{ first_fault(
            [
                ['call_id', 'call_id', 'call_id is null', 'is empty'],
                ['provider', 'provider', 'provider is null', 'is empty'],
                ['model', 'model', 'model is null', 'is empty'],
                ['started_at', 'started_at_text', 'started_at_text is null', 'is empty'],
                ['started_at', 'started_at_text', 'started_at is null', 'is no date and time'],
                ['ended_at', 'ended_at_text',
                 'ended_at_text is not null and ended_at is null',
                 'is no date and time'],
                ['latency_ms', 'latency_ms_text',
                 'latency_ms_text is not null and coalesce(latency_ms, -1) < 0',
                 'is not a number of zero or more'],
                ['ended_at or latency_ms', 'ended_at_text',
                 'ended_at_text is null and latency_ms_text is null',
                 'is empty and so is latency_ms: one of them is needed'],
                ['ended_at', 'ended_at_text', 'ended_at < started_at', 'lies before started_at'],
                ['prompt_tokens', 'prompt_tokens', 'prompt_tokens is null', 'is empty'],
                ['completion_tokens', 'completion_tokens', 'completion_tokens is null', 'is empty'],
            ]
            + whole_number_faults(token_columns, readings)
            + [
                ['cached_tokens', 'cached_tokens',
                 'coalesce(cached_tokens_number, 0) + coalesce(cache_write_tokens_number, 0) > prompt_tokens_number',
                 'and cache_write_tokens together exceed prompt_tokens, which includes them'],
                ['reasoning_tokens', 'reasoning_tokens',
                 'reasoning_tokens_number > completion_tokens_number',
                 'exceeds completion_tokens, which includes it'],
                ['cache_hit', 'cache_hit',
                 'cache_hit is not null and is_cache_hit is null',
                 'is neither true nor false'],
                ['ingested_at', 'ingested_at_text',
                 'ingested_at_text is not null and ingested_at is null',
                 'is no date and time'],
            ]
        ) }}
    from {{ 'read_counts' if readings else 'typed' }}

)

select
    cast('gateway_calls' as {{ text_type() }}) as raw_table,
    _file,
    _line,
    fault_field,
    fault_reason,
    fault_value,
    record_hash,
    {{ hash_of(["'gateway'", 'billing_account_id', 'call_id']) }} as replaces_key,
    cast('call' as {{ text_type() }}) as record_grain,
    cast(1 as {{ whole_type() }}) as request_count,
    {{ null_text() }} as bucket_meter,
    cast(null as {{ whole_type() }}) as bucket_quantity,
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
    cast(
        coalesce(
            ended_at,
            {{ later_by('microsecond', 'cast(latency_ms * 1000 as ' ~ whole_type() ~ ')', 'started_at') }}
        ) as {{ timestamp_type() }}
    ) as ended_at,
    latency_ms,
    prompt_tokens_number as prompt_tokens,
    prompt_tokens_number as context_tokens,
    completion_tokens_number as completion_tokens,
    coalesce(reasoning_tokens_number, 0) as reasoning_tokens,
    coalesce(cached_tokens_number, 0) as cache_read_tokens,
    cast(0 as {{ whole_type() }}) as cache_read_audio_tokens,
    cast(0 as {{ whole_type() }}) as cache_read_image_tokens,
    coalesce(cache_write_tokens_number, 0) as cache_write_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_5m_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_1h_tokens,
    cast(0 as {{ whole_type() }}) as input_audio_tokens,
    cast(0 as {{ whole_type() }}) as input_image_tokens,
    cast(0 as {{ whole_type() }}) as output_audio_tokens,
    cast(0 as {{ whole_type() }}) as output_image_tokens,
    cast(0 as {{ whole_type() }}) as web_search_requests,
    cast(0 as {{ whole_type() }}) as generated_images,
    cast(0 as {{ whole_type() }}) as input_pages,
    cast(0 as {{ whole_type() }}) as input_annotated_pages,
    cast(0 as {{ whole_type() }}) as input_characters,
    cast(0 as {{ whole_type() }}) as output_characters,
    cast(0 as {{ quantity_type() }}) as input_seconds,
    cast(0 as {{ quantity_type() }}) as output_seconds,
    cast(0 as {{ whole_type() }}) as queries,
    service_tier,
    processing_mode,
    region as region_id,
    coalesce(is_cache_hit, false) as is_cache_hit,
    status,
    cost_feature as feature,
    cost_user as user_id,
    cost_session as session_id,
    classification,
    other_classification,
    {{ json_object(['further_cost_tags']) }} as further_tags_json,
    true as is_person_tagged,
    cast(null as {{ cost_type() }}) as source_cost,
    {{ null_text() }} as source_hold_reason,
    ingested_at
from checked
