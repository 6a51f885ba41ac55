{{ config(materialized='table') }}

{%- set token_columns = [
    'prompt_tokens', 'completion_tokens', 'cache_read_tokens', 'all_cache_write_tokens', 'cache_write_5m_tokens',
    'cache_write_1h_tokens', 'reasoning_tokens', 'input_audio_tokens', 'input_image_tokens', 'output_audio_tokens',
    'web_search_requests',
] -%}

with raw_spend_logs as (

    select * from {{ raw('litellm_spend_logs') }} as raw_rows

),

token_semantics as (

    select * from {{ ref('token_semantics') }} where source_name = 'litellm'

),

-- one row always, so that no call depends on it
of_all as (

    select
        max(input_includes_cache_read) as input_includes_cache_read,
        max(input_includes_cache_write) as input_includes_cache_write,
        max(output_includes_reasoning) as output_includes_reasoning
    from token_semantics
    where provider_as_sent = '*'

),

details as (

    select
        _file,
        _line,
        case
            when _fault is not null then _fault
            when metadata is not null and not {{ is_json('metadata') }} then 'metadata is not valid JSON'
            when request_tags is not null and not {{ is_json('request_tags') }} then 'request_tags is not valid JSON'
        end as _fault,
        request_id,
        call_type,
        spend as spend_text,
        prompt_tokens,
        completion_tokens,
        start_time as start_time_text,
        end_time as end_time_text,
        request_duration_ms as request_duration_ms_text,
        {{ to_utc_timestamp('start_time') }} as started_at,
        {{ to_utc_timestamp('end_time') }} as ended_at,
        {{ try_decimal('request_duration_ms', 15, 3) }} as latency_ms,
        model,
        model_group,
        custom_llm_provider,
        user_id,
        case when metadata is not null and {{ is_json('metadata') }} then metadata end as metadata,
        case when request_tags is not null and {{ is_json('request_tags') }} then request_tags end as request_tags,
        cache_hit,
        team_id,
        organization_id,
        session_id,
        status,
        updated_at as updated_at_text,
        {{ to_utc_timestamp('coalesce(updated_at, created_at)') }} as ingested_at
    from raw_spend_logs

),

token_details as (

    select
        *,
        -- a provider fills one field or both: a zero in one says nothing about the other
        coalesce(
            nullif({{ litellm_usage_detail(['prompt_tokens_details', 'cached_tokens']) }}, '0'),
            {{ litellm_usage_detail(['cache_read_input_tokens']) }}
        ) as cache_read_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(['cache_creation_input_tokens']) }}, '0'),
            {{ litellm_usage_detail(['prompt_tokens_details', 'cache_creation_tokens']) }}
        ) as all_cache_write_tokens,
        {{ litellm_usage_detail(
            ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_5m_input_tokens']
        ) }} as cache_write_5m_tokens,
        {{ litellm_usage_detail(
            ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_1h_input_tokens']
        ) }} as cache_write_1h_tokens,
        {{ litellm_usage_detail(['completion_tokens_details', 'reasoning_tokens']) }} as reasoning_tokens,
        {{ litellm_usage_detail(['prompt_tokens_details', 'audio_tokens']) }} as input_audio_tokens,
        {{ litellm_usage_detail(['prompt_tokens_details', 'image_tokens']) }} as input_image_tokens,
        {{ litellm_usage_detail(['completion_tokens_details', 'audio_tokens']) }} as output_audio_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(['server_tool_use', 'web_search_requests']) }}, '0'),
            {{ litellm_usage_detail(['prompt_tokens_details', 'web_search_requests']) }}
        ) as web_search_requests,
        {{ json_text('metadata', ['cost_breakdown', 'service_tier']) }} as service_tier,
        {{ litellm_usage_detail(['speed']) }} as speed,
        -- one provider tells one of them: OpenAI's data residency, Vertex AI's location, Anthropic's geography
        coalesce(
            nullif(trim({{ json_text('metadata', ['cost_breakdown', 'data_residency']) }}), ''),
            nullif(trim({{ json_text('metadata', ['cost_breakdown', 'vertex_location']) }}), ''),
            nullif(nullif(lower(trim({{ litellm_usage_detail(['inference_geo']) }})), 'not_available'), '')
        ) as region,
        {{ json_text('metadata', ['user_api_key_team_alias']) }} as team_alias,
        {{ json_text('metadata', ['azure_spillover']) }} as azure_spillover,
        nullif(
            replace(replace(replace({{ json_text('metadata', ['batch_models']) }}, '[', ''), ']', ''), '"', ''), ''
        ) as batch_models,
        {{ json_text('metadata', ['spend_logs_metadata']) }} as spend_logs_metadata
    from details

),

typed as (

    select
        *,
        {%- for column in token_columns %}
        {{ whole_number(column) }} as {{ column }}_number,
        {%- endfor %}
        {{ try_cost('spend_text') }} as spend,
        -- a finished batch names the snapshots that served it; several of them can't be told apart,
        -- and their joined names have no price
        case when call_type = 'aretrieve_batch' then coalesce(batch_models, model) else model end as served_model
    from token_details

),

-- prompt and completion as totals of all their parts, whatever the provider's own fields mean
normalised as (

    select
        typed.*,
        typed.prompt_tokens_number
        + case
            when coalesce(of_provider.input_includes_cache_read, of_all.input_includes_cache_read) = 'true' then 0
            else coalesce(typed.cache_read_tokens_number, 0)
        end
        + case
            when coalesce(of_provider.input_includes_cache_write, of_all.input_includes_cache_write) = 'true' then 0
            else coalesce(typed.all_cache_write_tokens_number, 0)
        end as prompt_tokens_total,
        typed.completion_tokens_number
        + case
            when coalesce(of_provider.output_includes_reasoning, of_all.output_includes_reasoning) = 'true' then 0
            else coalesce(typed.reasoning_tokens_number, 0)
        end as completion_tokens_total
    from typed
    left join token_semantics as of_provider
        on typed.custom_llm_provider = of_provider.provider_as_sent
    cross join of_all

),

checked as (

    select
        *,
        {{ first_fault(
            [
                ['request_id', 'request_id', 'request_id is null', 'is empty'],
                ['model', 'model', 'model is null', 'is empty'],
                ['startTime', 'start_time_text', 'start_time_text is null', 'is empty'],
                ['startTime', 'start_time_text', 'started_at is null', 'is no date and time'],
                ['endTime', 'end_time_text',
                 'end_time_text is not null and ended_at is null',
                 'is no date and time'],
                ['endTime', 'end_time_text', 'ended_at < started_at', 'lies before startTime'],
                ['request_duration_ms', 'request_duration_ms_text',
                 'request_duration_ms_text is not null and coalesce(latency_ms, -1) < 0',
                 'is not a number of zero or more'],
                ['updated_at', 'updated_at_text',
                 'updated_at_text is not null and ingested_at is null',
                 'is no date and time'],
                ['spend', 'spend_text', 'spend_text is not null and spend is null', 'is not a number'],
                ['prompt_tokens', 'prompt_tokens', 'prompt_tokens is null', 'is empty'],
                ['completion_tokens', 'completion_tokens', 'completion_tokens is null', 'is empty'],
            ]
            + whole_number_faults(token_columns)
            + [
                ['cache_write_5m_tokens', 'all_cache_write_tokens',
                 'coalesce(cache_write_5m_tokens_number, 0) + coalesce(cache_write_1h_tokens_number, 0)' ~ ' > coalesce(all_cache_write_tokens_number, 0)',
                 'and cache_write_1h_tokens together exceed all cache writes'],
                ['cached_tokens', 'cache_read_tokens',
                 'cache_read_tokens_number > 0'
                 ~ ' and coalesce(input_audio_tokens_number, 0) + coalesce(input_image_tokens_number, 0) > 0',
                 'and audio or image tokens stand in one prompt, and which of them are cached is not told'],
                ['prompt_tokens', 'prompt_tokens',
                 'coalesce(cache_read_tokens_number, 0) + coalesce(all_cache_write_tokens_number, 0)' ~ ' + coalesce(input_audio_tokens_number, 0) + coalesce(input_image_tokens_number, 0)' ~ ' > prompt_tokens_total',
                 'is less than its cached, cache-write, audio and image tokens together'],
                ['completion_tokens', 'completion_tokens',
                 'coalesce(reasoning_tokens_number, 0) + coalesce(output_audio_tokens_number, 0)' ~ ' > completion_tokens_total',
                 'is less than its reasoning and audio tokens together'],
            ]
        ) }}
    from normalised

)

select
    _file,
    _line,
    fault_field,
    fault_reason,
    fault_value,
    -- request_id is the table's own key; the organisation may be missing in an older extract
    {{ hash_of(["'litellm'", 'request_id']) }} as call_key,
    request_id as call_id,
    coalesce(organization_id, {{ sql_text(var('billing_account_id')) }}) as billing_account_id,
    case
        when organization_id is null
            then {{ sql_text(var('billing_account_name')) if var('billing_account_name') else null_text() }}
    end as billing_account_name,
    team_id as sub_account_id,
    coalesce(team_alias, team_id) as sub_account_name,
    coalesce(custom_llm_provider, '') as provider,
    case
        when
            custom_llm_provider is not null
            and substr(served_model, 1, length(custom_llm_provider) + 1) = custom_llm_provider || '/'
            then substr(served_model, length(custom_llm_provider) + 2)
        else served_model
    end as model,
    model_group,
    started_at,
    cast(
        coalesce(
            ended_at,
            {{ later_by('microsecond', 'cast(latency_ms * 1000 as ' ~ whole_type() ~ ')', 'started_at') }},
            started_at
        ) as {{ timestamp_type() }}
    ) as ended_at,
    latency_ms,
    prompt_tokens_total as prompt_tokens,
    -- the tokens of a batch are the sum of its requests, whose own contexts are not known
    case when coalesce(call_type, '') <> 'aretrieve_batch' then prompt_tokens_total end as context_tokens,
    completion_tokens_total as completion_tokens,
    coalesce(cache_read_tokens_number, 0) as cache_read_tokens,
    -- writes beyond the breakdown have an unknown lifetime
    coalesce(all_cache_write_tokens_number, 0)
        - coalesce(cache_write_5m_tokens_number, 0)
        - coalesce(cache_write_1h_tokens_number, 0) as cache_write_tokens,
    coalesce(cache_write_5m_tokens_number, 0) as cache_write_5m_tokens,
    coalesce(cache_write_1h_tokens_number, 0) as cache_write_1h_tokens,
    coalesce(reasoning_tokens_number, 0) as reasoning_tokens,
    coalesce(input_audio_tokens_number, 0) as input_audio_tokens,
    coalesce(input_image_tokens_number, 0) as input_image_tokens,
    coalesce(output_audio_tokens_number, 0) as output_audio_tokens,
    coalesce(web_search_requests_number, 0) as web_search_requests,
    -- LiteLLM's own response cache, never the provider's prompt cache
    coalesce(lower(cache_hit) in ('true', 't'), false) as is_cache_hit,
    coalesce(lower(azure_spillover), 'false') not in ('false', '{}', '') as is_spillover,
    status,
    -- Anthropic's fast mode is no tier of its own, but priced like one
    case when lower(speed) = 'fast' then 'fast' else service_tier end as service_tier,
    case when call_type = 'aretrieve_batch' or lower(service_tier) = 'batch' then 'batch' end as processing_mode,
    region,
    user_id,
    session_id,
    -- request tags are the users' own scheme; keys of spend_logs_metadata get a prefix, so that the
    -- two can't be mistaken for one another (FOCUS Tags)
    {{ json_object([
        json_members_of_tag_list('checked.request_tags'),
        json_members_prefixed('checked.spend_logs_metadata', 'spend_logs_metadata/'),
    ]) }} as tags_json,
    spend,
    ingested_at
from checked
