{{ config(materialized='table', enabled='gateway' in usage_sources()) }}

{%- set token_columns = [
    'prompt_tokens', 'completion_tokens', 'total_tokens', 'cached_tokens', 'cached_audio_tokens',
    'cached_image_tokens', 'cache_write_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'input_audio_tokens', 'input_image_tokens', 'reasoning_tokens', 'output_audio_tokens', 'output_image_tokens',
    'web_search_requests', 'generated_images', 'input_pages', 'input_annotated_pages', 'input_characters',
    'output_characters', 'queries',
] -%}
{%- set second_columns = ['input_seconds', 'output_seconds'] -%}
{#- Logs had these from a later version on. -#}
{%- set later_columns = [
    'total_tokens', 'cached_audio_tokens', 'cached_image_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'input_audio_tokens', 'input_image_tokens', 'output_audio_tokens', 'output_image_tokens', 'web_search_requests',
    'generated_images', 'input_pages', 'input_annotated_pages', 'input_characters', 'output_characters',
    'input_seconds', 'output_seconds', 'queries', 'source_cost', 'metadata', 'end_user_id', 'agent_id', 'key_alias',
    'project_id',
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
        {{ record_hash('gateway_calls', later=later_columns) }} as record_hash,
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
        {%- for column in second_columns %}
        {{ column }},
        {{ try_decimal(column, 18, 6) }} as {{ column }}_number,
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
        end_user_id,
        agent_id,
        {{ key_alias_of('key_alias') }} as key_alias,
        project_id,
        source_cost as source_cost_text,
        {{ try_cost('source_cost') }} as source_cost,
        {{ trim_spaces('classification') }} as sent_classification,
        {{ json_members_like(
            'raw_calls.headers',
            'x-cost-',
            "['x-cost-department', 'x-cost-feature', 'x-cost-session', 'x-cost-user']"
        ) }} as further_cost_tags,
        {{ json_members_prefixed('raw_calls.metadata', 'metadata/') }} as metadata_tags,
        ingested_at as ingested_at_text,
        {{ to_utc_timestamp('ingested_at') }} as ingested_at
    from raw_calls

),

-- what else a prompt and a completion are made of; a part counts even where its whole is not told
parts as (

    select
        *,
        coalesce(
            cached_tokens_number,
            coalesce(cached_audio_tokens_number, 0) + coalesce(cached_image_tokens_number, 0)
        ) as all_cached_tokens,
        coalesce(
            cache_write_tokens_number,
            coalesce(cache_write_5m_tokens_number, 0) + coalesce(cache_write_1h_tokens_number, 0)
        ) as all_cache_write_tokens,
        coalesce(input_audio_tokens_number, coalesce(cached_audio_tokens_number, 0)) as all_audio_tokens,
        coalesce(input_image_tokens_number, coalesce(cached_image_tokens_number, 0)) as all_image_tokens,
        coalesce(reasoning_tokens_number, 0) as all_reasoning_tokens,
        -- what the total has beside prompt and completion
        coalesce(total_tokens_number - prompt_tokens_number - completion_tokens_number, 0) as tokens_beside
    from typed

),

-- prompt and completion with all their parts: a total that is larger by one says that it stands beside them
totals as (

    select
        *,
        prompt_tokens_number + case
            when tokens_beside = all_cached_tokens + all_cache_write_tokens + all_reasoning_tokens
                then all_cached_tokens + all_cache_write_tokens
            when all_cached_tokens + all_cache_write_tokens = all_reasoning_tokens then 0
            when tokens_beside = all_cached_tokens + all_cache_write_tokens
                then all_cached_tokens + all_cache_write_tokens
            else 0
        end as prompt_tokens_total,
        completion_tokens_number + case
            when tokens_beside = all_cached_tokens + all_cache_write_tokens + all_reasoning_tokens
                then all_reasoning_tokens
            when all_cached_tokens + all_cache_write_tokens = all_reasoning_tokens then 0
            when tokens_beside = all_reasoning_tokens then all_reasoning_tokens
            else 0
        end as completion_tokens_total
    from parts

),

{{ with_count_readings('totals', readings) if readings -}}
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
                ['total_tokens', 'total_tokens',
                 'prompt_tokens_total + completion_tokens_total <> total_tokens_number',
                 'is not what prompt_tokens and completion_tokens are together, with cached or reasoning tokens or'
                 ~ ' without'],
                ['cache_write_tokens', 'cache_write_tokens',
                 'coalesce(cache_write_5m_tokens_number, 0) + coalesce(cache_write_1h_tokens_number, 0)'
                 ~ ' > all_cache_write_tokens',
                 'is less than cache_write_5m_tokens and cache_write_1h_tokens together, which it includes'],
                ['cached_tokens', 'cached_tokens',
                 'all_cached_tokens + all_cache_write_tokens > prompt_tokens_total',
                 'and cache_write_tokens together exceed prompt_tokens, which includes them'],
                ['cached_tokens', 'cached_tokens',
                 'coalesce(cached_audio_tokens_number, 0) + coalesce(cached_image_tokens_number, 0)'
                 ~ ' > all_cached_tokens',
                 'is less than cached_audio_tokens and cached_image_tokens together, which it includes'],
                ['input_audio_tokens', 'input_audio_tokens',
                 'cached_audio_tokens_number > all_audio_tokens',
                 'is less than cached_audio_tokens, which it includes'],
                ['input_image_tokens', 'input_image_tokens',
                 'cached_image_tokens_number > all_image_tokens',
                 'is less than cached_image_tokens, which it includes'],
                ['cached_tokens', 'cached_tokens',
                 'all_cached_tokens > 0 and all_audio_tokens + all_image_tokens > 0'
                 ~ ' and coalesce(cached_audio_tokens_number, cached_image_tokens_number) is null',
                 'and audio or image tokens stand in one prompt: cached_audio_tokens or cached_image_tokens must say'
                 ~ ' which of them are cached'],
                ['prompt_tokens', 'prompt_tokens',
                 'all_cached_tokens + all_cache_write_tokens'
                 ~ ' + all_audio_tokens - coalesce(cached_audio_tokens_number, 0)'
                 ~ ' + all_image_tokens - coalesce(cached_image_tokens_number, 0) > prompt_tokens_total',
                 'is less than its cached, cache-write, audio and image tokens together'],
                ['reasoning_tokens', 'reasoning_tokens',
                 'all_reasoning_tokens > completion_tokens_total',
                 'exceeds completion_tokens, which includes it'],
                ['completion_tokens', 'completion_tokens',
                 'all_reasoning_tokens + coalesce(output_audio_tokens_number, 0)'
                 ~ ' + coalesce(output_image_tokens_number, 0) > completion_tokens_total',
                 'is less than its reasoning, audio and image tokens together'],
                ['input_seconds', 'input_seconds',
                 'input_seconds is not null and coalesce(input_seconds_number, -1) < 0',
                 'is not a number of zero or more'],
                ['output_seconds', 'output_seconds',
                 'output_seconds is not null and coalesce(output_seconds_number, -1) < 0',
                 'is not a number of zero or more'],
                ['source_cost', 'source_cost_text',
                 'source_cost_text is not null and source_cost is null',
                 'is not a number'],
                ['cache_hit', 'cache_hit',
                 'cache_hit is not null and is_cache_hit is null',
                 'is neither true nor false'],
                ['ingested_at', 'ingested_at_text',
                 'ingested_at_text is not null and ingested_at is null',
                 'is no date and time'],
            ]
        ) }}
    from {{ 'read_counts' if readings else 'totals' }}

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
    prompt_tokens_total as prompt_tokens,
    prompt_tokens_total as context_tokens,
    completion_tokens_total as completion_tokens,
    all_reasoning_tokens as reasoning_tokens,
    all_cached_tokens as cache_read_tokens,
    coalesce(cached_audio_tokens_number, 0) as cache_read_audio_tokens,
    coalesce(cached_image_tokens_number, 0) as cache_read_image_tokens,
    -- writes beyond the two lifetimes have an unknown one
    all_cache_write_tokens
        - coalesce(cache_write_5m_tokens_number, 0)
        - coalesce(cache_write_1h_tokens_number, 0) as cache_write_tokens,
    coalesce(cache_write_5m_tokens_number, 0) as cache_write_5m_tokens,
    coalesce(cache_write_1h_tokens_number, 0) as cache_write_1h_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_12h_tokens,
    all_audio_tokens - coalesce(cached_audio_tokens_number, 0) as input_audio_tokens,
    all_image_tokens - coalesce(cached_image_tokens_number, 0) as input_image_tokens,
    coalesce(output_audio_tokens_number, 0) as output_audio_tokens,
    coalesce(output_image_tokens_number, 0) as output_image_tokens,
    coalesce(web_search_requests_number, 0) as web_search_requests,
    coalesce(generated_images_number, 0) as generated_images,
    coalesce(input_pages_number, 0) as input_pages,
    coalesce(input_annotated_pages_number, 0) as input_annotated_pages,
    coalesce(input_characters_number, 0) as input_characters,
    coalesce(output_characters_number, 0) as output_characters,
    cast(coalesce(input_seconds_number, 0) as {{ quantity_type() }}) as input_seconds,
    cast(coalesce(output_seconds_number, 0) as {{ quantity_type() }}) as output_seconds,
    coalesce(queries_number, 0) as queries,
    service_tier,
    processing_mode,
    region as region_id,
    coalesce(is_cache_hit, false) as is_cache_hit,
    status,
    cost_feature as feature,
    cost_user as user_id,
    cost_session as session_id,
    end_user_id,
    agent_id,
    key_alias,
    project_id,
    classification,
    other_classification,
    {{ json_object(['further_cost_tags', 'metadata_tags']) }} as further_tags_json,
    true as is_person_tagged,
    source_cost,
    {%- for name in ['stated_tool_cost', 'stated_guardrail_cost', 'stated_fee', 'stated_margin', 'stated_discount'] %}
    cast(null as {{ cost_type() }}) as {{ name }},
    {%- endfor %}
    false as has_own_price,
    {{ null_text() }} as unread_usage_json,
    {{ null_text() }} as source_hold_reason,
    ingested_at
from checked
