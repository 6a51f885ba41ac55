{{ config(materialized='table', enabled='litellm' in usage_sources()) }}

{%- set token_columns = [
    'prompt_tokens', 'completion_tokens', 'cache_read_tokens', 'all_cache_write_tokens', 'cache_write_5m_tokens',
    'cache_write_1h_tokens', 'cache_write_12h_tokens', 'reasoning_tokens', 'all_audio_tokens', 'all_image_tokens',
    'cache_read_audio_tokens', 'cache_read_image_tokens', 'output_audio_tokens', 'output_image_tokens',
    'web_search_requests', 'output_image_count', 'input_pages', 'input_annotated_pages', 'input_characters',
    'initial_prompt_tokens', 'citation_tokens',
] -%}
{#- Durations, which may have decimals. -#}
{%- set second_columns = ['seconds', 'audio_length_seconds', 'video_length_seconds', 'duration_seconds'] -%}
{#- The others are JSON's, where a number is one, and a text like 1.000 has no neighbours of its kind. -#}
{%- set counts = ['prompt_tokens', 'completion_tokens'] -%}
{%- set readings = counts if has_ambiguous_counts('litellm_spend_logs', counts) else [] -%}

{#- Where a deployment has a name of its own, the model that serves it stands in metadata. -#}
{%- set providers_of_deployments = "('azure', 'azure_ai', 'bedrock')" -%}
{#- Azure's router is no model: the row says which one it chose. -#}
{%- set routers = "('model_router', 'model-router', 'azure_ai/model_router', 'azure_ai/model-router')" -%}
{%- set first_part = dbt.split_part('model_of_route', "'/'", 1) -%}
{%- set rounds_of_model -%}
replace(replace(replace(rounds, ' ', ''), '"model":"' || model_of_provider || '"', ''), '"model":"' || model || '"', '')
{%- endset -%}
{%- set second_part_of_host = dbt.split_part("coalesce(lower(api_base), '')", "'.'", 2) -%}
{%- set first_batch_model = dbt.split_part('batch_models', "','", 1) -%}
{#- Calls that administer things: a success of theirs without tokens is no answer of a model. -#}
{%- set administrative = [
    'call_mcp_tool', 'cancel_batch', 'create_batch', 'create_file', 'create_fine_tuning_job', 'cancel_fine_tuning_job',
    'cancel_responses', 'count_tokens', 'delete_responses', 'file_content', 'file_delete', 'file_list',
    'file_retrieve', 'get_responses', 'health_check', 'list_batches', 'list_fine_tuning_jobs', 'list_input_items',
    'list_mcp_tools', 'moderation', 'retrieve_batch', 'retrieve_fine_tuning_job', 'video_content', 'video_delete',
    'video_list', 'video_retrieve', 'video_status',
] -%}
{#- Whose interface others sell their models by. -#}
{%- set makers_of_clients = "('anthropic', 'custom_openai', 'openai', 'openai_like', 'text-completion-openai')" -%}
{#- Azure's global deployments cost what its base model does; those of a zone (eu/, us/) are models of their own. -#}
{%- set routes = [
    'converse/', 'global/', 'global-standard/', 'gpt5_series/', 'invoke/', 'o_series/', 'responses/',
] -%}

{%- set second_faults = [] -%}
{%- for column in second_columns -%}
    {%- do second_faults.append([
        column, column, column ~ ' is not null and coalesce(' ~ column ~ '_number, -1) < 0',
        'is not a number of zero or more',
    ]) -%}
{%- endfor -%}

{#- Costs are floats, and so is their sum. -#}
{%- set a_billionth = "cast('0.000000001' as " ~ cost_type() ~ ")" -%}

{#- What is read of metadata, in one list: DuckDB then parses a row's 12 KB once. -#}
{%- set usage_paths = [
    ['cache_creation', 'ephemeral_1h_input_tokens'],
    ['cache_creation', 'ephemeral_5m_input_tokens'],
    ['cache_creation_input_tokens'],
    ['cache_read_input_tokens'],
    ['citation_tokens'],
    ['completion_tokens_details', 'audio_tokens'],
    ['completion_tokens_details', 'image_tokens'],
    ['completion_tokens_details', 'reasoning_tokens'],
    ['duration_seconds'],
    ['inference_geo'],
    ['input_tokens_details', 'cached_tokens'],
    ['input_tokens_details', 'image_tokens'],
    ['iterations'],
    ['output_image_count'],
    ['output_tokens_details', 'image_tokens'],
    ['output_tokens_details', 'reasoning_tokens'],
    ['pages_processed'],
    ['pages_processed_annotation'],
    ['prompt_tokens_details', 'audio_length_seconds'],
    ['prompt_tokens_details', 'audio_tokens'],
    ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_1h_input_tokens'],
    ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_5m_input_tokens'],
    ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_12h_input_tokens'],
    ['prompt_tokens_details', 'cache_creation_tokens'],
    ['prompt_tokens_details', 'cache_write_tokens'],
    ['prompt_tokens_details', 'cached_tokens'],
    ['prompt_tokens_details', 'cached_tokens_details'],
    ['prompt_tokens_details', 'cached_tokens_details', 'audio_tokens'],
    ['prompt_tokens_details', 'cached_tokens_details', 'image_tokens'],
    ['prompt_tokens_details', 'character_count'],
    ['prompt_tokens_details', 'image_tokens'],
    ['prompt_tokens_details', 'initial_prompt_tokens'],
    ['prompt_tokens_details', 'video_length_seconds'],
    ['prompt_tokens_details', 'web_search_requests'],
    ['seconds'],
    ['server_tool_use', 'web_search_requests'],
    ['service_tier'],
    ['speed'],
] -%}
{%- set paths = [
    ['additional_usage_values'],
    ['azure_spillover'],
    ['batch_models'],
    ['cost_breakdown'],
    ['cost_breakdown', 'additional_costs'],
    ['cost_breakdown', 'data_residency'],
    ['cost_breakdown', 'discount_amount'],
    ['cost_breakdown', 'guardrail_cost'],
    ['cost_breakdown', 'margin_fixed_amount'],
    ['cost_breakdown', 'margin_total_amount'],
    ['cost_breakdown', 'service_tier'],
    ['cost_breakdown', 'tool_usage_cost'],
    ['cost_breakdown', 'vertex_location'],
    ['model_map_information', 'model_map_key'],
    ['model_map_information', 'model_map_value', 'key'],
    ['spend_logs_metadata'],
    ['usage_object'],
    ['used_client_oauth_token'],
    ['user_api_key_alias'],
    ['user_api_key_end_user_id'],
    ['user_api_key_project_alias'],
    ['user_api_key_project_id'],
    ['user_api_key_team_alias'],
] -%}
{%- for path in usage_paths -%}
    {%- do paths.append(['usage_object'] + path) -%}
    {%- do paths.append(['additional_usage_values'] + path) -%}
{%- endfor %}

with raw_spend_logs as (

    select * from {{ raw('litellm_spend_logs') }} as raw_rows

),

token_semantics as (

    select * from {{ ref('ai_token_semantics') }} where source_name = 'litellm'

),

provider_hosts as (

    select * from {{ ref('ai_provider_hosts') }}

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
        _fault as line_fault,
        {{ record_hash('litellm_spend_logs', later=['end_user_id', 'agent_id', 'billing_agent_id']) }} as record_hash,
        request_id,
        call_type,
        spend as spend_text,
        prompt_tokens,
        completion_tokens,
        total_tokens,
        api_base,
        {{ domain_of('api_base') }} as domain_of_host,
        start_time as start_time_text,
        end_time as end_time_text,
        request_duration_ms as request_duration_ms_text,
        {{ to_utc_timestamp('start_time') }} as started_at,
        {{ to_utc_timestamp('end_time') }} as ended_at,
        {{ try_decimal('request_duration_ms', 15, 3) }} as latency_ms,
        model,
        model_id,
        model_group,
        custom_llm_provider,
        user_id,
        metadata is not null as has_metadata,
        {{ json_texts('metadata', paths) }} as metadata,
        -- a tag that can't be read costs no call
        case
            when request_tags is not null and {{ is_json('request_tags') }}
                then {{ json_within_json('request_tags') }}
        end as request_tags,
        cache_hit,
        team_id,
        organization_id,
        session_id,
        end_user_id,
        coalesce(agent_id, billing_agent_id) as agent_id,
        status,
        updated_at as updated_at_text,
        created_at as created_at_text,
        {{ to_utc_timestamp('coalesce(updated_at, created_at)') }} as ingested_at
    from raw_spend_logs

),

token_details as (

    select
        *,
        case
            when line_fault is not null then line_fault
            when has_metadata and metadata is null then 'metadata is not valid JSON'
        end as _fault,
        -- a provider fills one field or both: a zero in one says nothing about the other
        coalesce(
            nullif({{ litellm_usage_detail(paths, ['prompt_tokens_details', 'cached_tokens']) }}, '0'),
            nullif({{ litellm_usage_detail(paths, ['cache_read_input_tokens']) }}, '0'),
            {{ litellm_usage_detail(paths, ['input_tokens_details', 'cached_tokens']) }}
        ) as cache_read_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(paths, ['cache_creation_input_tokens']) }}, '0'),
            nullif({{ litellm_usage_detail(paths, ['prompt_tokens_details', 'cache_creation_tokens']) }}, '0'),
            {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'cache_write_tokens']) }}
        ) as all_cache_write_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(
                paths, ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_5m_input_tokens']
            ) }}, '0'),
            {{ litellm_usage_detail(paths, ['cache_creation', 'ephemeral_5m_input_tokens']) }}
        ) as cache_write_5m_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(
                paths, ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_1h_input_tokens']
            ) }}, '0'),
            {{ litellm_usage_detail(paths, ['cache_creation', 'ephemeral_1h_input_tokens']) }}
        ) as cache_write_1h_tokens,
        {{ litellm_usage_detail(
            paths, ['prompt_tokens_details', 'cache_creation_token_details', 'ephemeral_12h_input_tokens']
        ) }} as cache_write_12h_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(paths, ['completion_tokens_details', 'reasoning_tokens']) }}, '0'),
            {{ litellm_usage_detail(paths, ['output_tokens_details', 'reasoning_tokens']) }}
        ) as reasoning_tokens,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'audio_tokens']) }} as all_audio_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(paths, ['prompt_tokens_details', 'image_tokens']) }}, '0'),
            {{ litellm_usage_detail(paths, ['input_tokens_details', 'image_tokens']) }}
        ) as all_image_tokens,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'cached_tokens_details']) }} as cached_kinds,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'cached_tokens_details', 'audio_tokens']) }}
            as cache_read_audio_tokens,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'cached_tokens_details', 'image_tokens']) }}
            as cache_read_image_tokens,
        {{ litellm_usage_detail(paths, ['completion_tokens_details', 'audio_tokens']) }} as output_audio_tokens,
        coalesce(
            nullif({{ litellm_usage_detail(paths, ['completion_tokens_details', 'image_tokens']) }}, '0'),
            {{ litellm_usage_detail(paths, ['output_tokens_details', 'image_tokens']) }}
        ) as output_image_tokens,
        {{ litellm_usage_detail(paths, ['output_image_count']) }} as output_image_count,
        {{ litellm_usage_detail(paths, ['pages_processed']) }} as input_pages,
        {{ litellm_usage_detail(paths, ['pages_processed_annotation']) }} as input_annotated_pages,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'character_count']) }} as input_characters,
        {{ litellm_usage_detail(paths, ['seconds']) }} as seconds,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'audio_length_seconds']) }} as audio_length_seconds,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'video_length_seconds']) }} as video_length_seconds,
        {{ litellm_usage_detail(paths, ['duration_seconds']) }} as duration_seconds,
        coalesce(
            nullif({{ litellm_usage_detail(paths, ['server_tool_use', 'web_search_requests']) }}, '0'),
            {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'web_search_requests']) }}
        ) as web_search_requests,
        -- the tier that was billed; else the one that the provider says it served
        coalesce(
            {{ text_in('metadata', paths, ['cost_breakdown', 'service_tier']) }},
            case
                -- what was answered at once was in no batch, whatever a provider's answer says
                when
                    lower({{ litellm_usage_detail(paths, ['service_tier']) }}) <> 'batch'
                    or coalesce(call_type, 'pass_through_endpoint') in ('pass_through_endpoint', 'aretrieve_batch')
                    then {{ litellm_usage_detail(paths, ['service_tier']) }}
            end
        ) as service_tier,
        {{ litellm_usage_detail(paths, ['speed']) }} as speed,
        -- one provider tells one of them: OpenAI's data residency, Vertex AI's location, Anthropic's geography
        coalesce(
            nullif(trim({{ text_in('metadata', paths, ['cost_breakdown', 'data_residency']) }}), ''),
            nullif(trim({{ text_in('metadata', paths, ['cost_breakdown', 'vertex_location']) }}), ''),
            nullif(nullif(lower(trim({{ litellm_usage_detail(paths, ['inference_geo']) }})), 'not_available'), '')
        ) as region,
        {{ text_in('metadata', paths, ['cost_breakdown', 'tool_usage_cost']) }} as tool_cost_text,
        {{ text_in('metadata', paths, ['cost_breakdown', 'guardrail_cost']) }} as guardrail_cost_text,
        {{ text_in('metadata', paths, ['cost_breakdown', 'additional_costs']) }} as additional_costs,
        coalesce(
            {{ text_in('metadata', paths, ['cost_breakdown', 'margin_total_amount']) }},
            {{ text_in('metadata', paths, ['cost_breakdown', 'margin_fixed_amount']) }}
        ) as margin_text,
        {{ text_in('metadata', paths, ['cost_breakdown', 'discount_amount']) }} as discount_text,
        -- the deployment's own entry of the price map, which bears its id
        coalesce(
            {{ text_in('metadata', paths, ['model_map_information', 'model_map_value', 'key']) }} = model_id, false
        ) as has_own_price,
        {{ text_in('metadata', paths, ['user_api_key_team_alias']) }} as team_alias,
        {{ text_in('metadata', paths, ['azure_spillover']) }} as azure_spillover,
        {{ text_in('metadata', paths, ['used_client_oauth_token']) }} as used_client_oauth_token,
        nullif(
            replace(
                replace(
                    replace(replace({{ text_in('metadata', paths, ['batch_models']) }}, '[', ''), ']', ''), '"', ''
                ),
                ', ', ','
            ),
            ''
        ) as batch_models,
        {{ text_in('metadata', paths, ['spend_logs_metadata']) }} as sent_spend_logs_metadata,
        {{ key_alias_of(text_in('metadata', paths, ['user_api_key_alias'])) }} as key_alias,
        nullif(trim({{ text_in('metadata', paths, ['user_api_key_end_user_id']) }}), '') as end_user_of_key,
        nullif(trim({{ text_in('metadata', paths, ['user_api_key_project_id']) }}), '') as project_of_key,
        nullif(trim({{ text_in('metadata', paths, ['user_api_key_project_alias']) }}), '') as project_alias,
        nullif(trim({{ text_in('metadata', paths, ['model_map_information', 'model_map_key']) }}), '') as base_model,
        {{ litellm_usage_detail(paths, ['prompt_tokens_details', 'initial_prompt_tokens']) }} as initial_prompt_tokens,
        {{ litellm_usage_detail(paths, ['citation_tokens']) }} as citation_tokens,
        {{ litellm_usage_detail(paths, ['iterations']) }} as rounds,
        {{ unread_members([
            ['usage_object', text_in('metadata', paths, ['usage_object'])],
            ['additional_usage_values', text_in('metadata', paths, ['additional_usage_values'])],
            ['cost_breakdown', text_in('metadata', paths, ['cost_breakdown'])],
        ], 'litellm') }} as unread_members,
        {{ text_in('metadata', paths, ['usage_object']) }} as usage_object,
        {{ text_in('metadata', paths, ['additional_usage_values']) }} as additional_usage_values
    from details

),

typed as (

    select
        *,
        case
            when sent_spend_logs_metadata is not null and {{ is_json('sent_spend_logs_metadata') }}
                then {{ json_within_json('sent_spend_logs_metadata') }}
        end as spend_logs_metadata,
        {%- for column in token_columns %}
        {{ whole_number(column) }} as {{ column }}_number,
        {%- endfor %}
        {%- for column in second_columns %}
        {{ try_decimal(column, 18, 6) }} as {{ column }}_number,
        {%- endfor %}
        {{ whole_number('total_tokens') }} as total_tokens_number,
        {{ names_of_numbers('unread_members') }} as unread_usage_json,
        {{ try_cost('spend_text') }} as spend,
        {{ try_cost('tool_cost_text') }} as tool_cost,
        {{ try_cost('guardrail_cost_text') }} as guardrail_cost,
        {{ try_cost('margin_text') }} as margin,
        {{ try_cost('discount_text') }} as discount,
        {{ json_total_of_members('token_details.additional_costs') }} as additional_cost,
        -- a finished batch names the snapshot that served each request; several of them can't be told
        -- apart, and their joined names have no price; what has no name is no model of the book
        coalesce(
            case
                when
                    call_type = 'aretrieve_batch'
                    and replace(batch_models || ',', {{ first_batch_model }} || ',', '') = ''
                    then {{ first_batch_model }}
                when call_type = 'aretrieve_batch' then batch_models
            end,
            case
                when
                    lower(custom_llm_provider) in {{ providers_of_deployments }}
                    and lower(base_model) not in {{ routers }}
                    then base_model
            end,
            model,
            ''
        ) as model_as_sent
    from token_details

),

with_stated_costs as (

    select
        *,
        coalesce(guardrail_cost, 0) + coalesce(additional_cost, 0) + coalesce(margin, 0) - coalesce(discount, 0)
            as cost_beside_usage
    from typed

),

answered as (

    select
        *,
        -- LiteLLM writes an estimate of the prompt's tokens on calls that failed before anybody answered
        coalesce(
            lower(status) = 'failure'
            and spend <= greatest(cost_beside_usage + coalesce(tool_cost, 0), 0) + {{ a_billionth }}
            -- older rows have additional_usage_values alone, newer ones fill it with nulls
            and coalesce(usage_object, additional_usage_values, '{}') = '{}',
            false
        ) as is_unanswered
    from with_stated_costs

),

-- prompt and completion as totals of all their parts, whatever the provider's own fields mean
normalised as (

    select
        answered.*,
        -- an OpenAI or Anthropic client that calls somebody else is logged as if it had called them
        coalesce(
            case when lower(answered.custom_llm_provider) in {{ makers_of_clients }} then provider_hosts.provider end,
            answered.custom_llm_provider
        ) as seller,
        case
            when
                answered.custom_llm_provider is not null
                and lower(substr(answered.model_as_sent, 1, length(answered.custom_llm_provider) + 1))
                = lower(answered.custom_llm_provider) || '/'
                then substr(answered.model_as_sent, length(answered.custom_llm_provider) + 2)
            -- logged with the provider azure
            when lower(substr(answered.model_as_sent, 1, 9)) = 'azure_ai/' then substr(answered.model_as_sent, 10)
            else answered.model_as_sent
        end as model_of_provider,
        case when answered.is_unanswered then 0 else answered.prompt_tokens_number end
        + case
            when coalesce(of_provider.input_includes_cache_read, of_all.input_includes_cache_read) = 'true' then 0
            else coalesce(answered.cache_read_tokens_number, 0)
        end
        + case
            when coalesce(of_provider.input_includes_cache_write, of_all.input_includes_cache_write) = 'true' then 0
            else coalesce(answered.all_cache_write_tokens_number, 0)
        end as prompt_tokens_total,
        case when answered.is_unanswered then 0 else answered.completion_tokens_number end
        + case
            when answered.total_tokens_number = answered.prompt_tokens_number + answered.completion_tokens_number then 0
            -- the row's own sum goes before what is known of its provider
            when
                answered.total_tokens_number
                = answered.prompt_tokens_number + answered.completion_tokens_number + answered.reasoning_tokens_number
                then answered.reasoning_tokens_number
            when coalesce(of_provider.output_includes_reasoning, of_all.output_includes_reasoning) = 'true' then 0
            else coalesce(answered.reasoning_tokens_number, 0)
        end as completion_tokens_total,
        -- where the answer's tokens are told, they are what its images cost
        case when answered.completion_tokens_number > 0 then 0 else coalesce(answered.output_image_count_number, 0) end
            as generated_images,
        cast(
            coalesce(answered.seconds_number, 0)
            + coalesce(answered.audio_length_seconds_number, 0)
            + coalesce(answered.video_length_seconds_number, 0) as {{ quantity_type() }}
        ) as input_seconds,
        cast(coalesce(answered.duration_seconds_number, 0) as {{ quantity_type() }}) as output_seconds
    from answered
    left join token_semantics as of_provider
        on lower(answered.custom_llm_provider) = of_provider.provider_as_sent
    left join provider_hosts
        on answered.domain_of_host = provider_hosts.domain
    cross join of_all

),

routed as (

    select
        *,
        case
            {%- for route in routes %}
            when lower(substr(model_of_provider, 1, {{ route | length }})) = '{{ route }}'
                then substr(model_of_provider, {{ route | length + 1 }})
            {%- endfor %}
            else model_of_provider
        end as model_of_route
    from normalised

),

-- Bedrock's region may stand before the model, in its ARN or in the host that was called; an inference profile
-- (us., eu.) is a model of its own. An ARN of a model or of such a profile ends with its name; one of a profile that
-- somebody made for himself is the model's name
placed as (

    select
        *,
        case
            when
                lower(custom_llm_provider) = 'bedrock'
                and {{ matches(first_part, '[a-z]{2}(-gov|-iso|-isob)?-[a-z]+-[0-9]') }}
                then {{ first_part }}
        end as region_of_name,
        case
            when
                lower(substr(model_of_route, 1, 7)) = 'arn:aws'
                then nullif({{ dbt.split_part('model_of_route', "':'", 4) }}, '')
        end as region_of_arn,
        case
            when lower(custom_llm_provider) = 'bedrock' and lower(api_base) like '%//bedrock-runtime%.amazonaws.com%'
                -- the region that is assumed anyway, and then said to be, is told by no host: one of a proxy may be
                -- written so
                then nullif(nullif({{ second_part_of_host }}, 'amazonaws'), 'us-east-1')
        end as region_of_host
    from routed

),

{{ with_count_readings('placed', readings) if readings -}}
checked as (

    select
        *,
        {{ first_fault(
            [
                ['request_id', 'request_id', 'request_id is null', 'is empty'],
                ['startTime', 'start_time_text', 'start_time_text is null', 'is empty'],
                ['startTime', 'start_time_text', 'started_at is null', 'is no date and time'],
                ['endTime', 'end_time_text',
                 'end_time_text is not null and ended_at is null',
                 'is no date and time'],
                ['endTime', 'end_time_text',
                 'ended_at < ' ~ later_by('second', -60, 'started_at'),
                 'lies more than a minute before startTime'],
                ['request_duration_ms', 'request_duration_ms_text',
                 'request_duration_ms_text is not null and coalesce(latency_ms, -1) < 0',
                 'is not a number of zero or more'],
                ['updated_at', 'updated_at_text',
                 'updated_at_text is not null and ingested_at is null',
                 'is no date and time'],
                ['created_at', 'created_at_text',
                 'created_at_text is not null and ingested_at is null',
                 'is no date and time'],
                ['cache_hit', 'cache_hit',
                 'cache_hit is not null and ' ~ truth_of('cache_hit') ~ ' is null',
                 'is neither true nor false'],
                ['spend', 'spend_text', 'spend_text is not null and spend is null', 'is not a number'],
                ['prompt_tokens', 'prompt_tokens', 'prompt_tokens is null', 'is empty'],
                ['completion_tokens', 'completion_tokens', 'completion_tokens is null', 'is empty'],
            ]
            + whole_number_faults(token_columns, readings)
            + second_faults
            + [
                ['cache_write_5m_tokens', 'all_cache_write_tokens',
                 'coalesce(cache_write_5m_tokens_number, 0) + coalesce(cache_write_1h_tokens_number, 0)'
                 ~ ' + coalesce(cache_write_12h_tokens_number, 0) > coalesce(all_cache_write_tokens_number, 0)',
                 'and those of 1 and 12 hours together exceed all cache writes'],
                ['cached_tokens', 'cache_read_tokens',
                 'cache_read_tokens_number > 0 and cached_kinds is null'
                 ~ ' and coalesce(all_audio_tokens_number, 0) + coalesce(all_image_tokens_number, 0) > 0',
                 'and audio or image tokens stand in one prompt, and which of them are cached is not told'],
                ['cached_tokens_details', 'cached_kinds',
                 'coalesce(cache_read_audio_tokens_number, 0) > coalesce(all_audio_tokens_number, 0)'
                 ~ ' or coalesce(cache_read_image_tokens_number, 0) > coalesce(all_image_tokens_number, 0)'
                 ~ ' or coalesce(cache_read_audio_tokens_number, 0) + coalesce(cache_read_image_tokens_number, 0)'
                 ~ ' > coalesce(cache_read_tokens_number, 0)',
                 'tell of more tokens than the prompt or its cached part has'],
                ['prompt_tokens', 'prompt_tokens',
                 'coalesce(cache_read_tokens_number, 0) + coalesce(all_cache_write_tokens_number, 0)'
                 ~ ' + coalesce(all_audio_tokens_number, 0) - coalesce(cache_read_audio_tokens_number, 0)'
                 ~ ' + coalesce(all_image_tokens_number, 0) - coalesce(cache_read_image_tokens_number, 0)'
                 ~ ' > prompt_tokens_total',
                 'is less than its cached, cache-write, audio and image tokens together'],
                ['completion_tokens', 'completion_tokens',
                 'coalesce(reasoning_tokens_number, 0) + coalesce(output_audio_tokens_number, 0)'
                 ~ ' + coalesce(output_image_tokens_number, 0) > completion_tokens_total',
                 'is less than its reasoning, audio and image tokens together'],
            ]
        ) }}
    from {{ 'read_counts' if readings else 'placed' }}

)

select
    cast('litellm_spend_logs' as {{ text_type() }}) as raw_table,
    _file,
    _line,
    fault_field,
    fault_reason,
    fault_value,
    record_hash,
    -- request_id is the table's own key; the organisation may be missing in an older extract
    {{ hash_of(["'litellm'", 'request_id']) }} as replaces_key,
    cast('call' as {{ text_type() }}) as record_grain,
    cast(1 as {{ whole_type() }}) as request_count,
    {{ null_text() }} as bucket_meter,
    cast(null as {{ whole_type() }}) as bucket_quantity,
    request_id as call_id,
    coalesce(organization_id, {{ sql_text(var('billing_account_id')) }}) as billing_account_id,
    case
        when organization_id is null
            then {{ sql_text(var('billing_account_name')) if var('billing_account_name') else null_text() }}
    end as billing_account_name,
    team_id as sub_account_id,
    -- a name without its id would be a sub account that nothing identifies (FOCUS SubAccountName)
    case when team_id is not null then coalesce(team_alias, team_id) end as sub_account_name,
    coalesce(seller, '') as provider_as_sent,
    case
        when region_of_name is not null then substr(model_of_route, length(region_of_name) + 2)
        when
            region_of_arn is not null
            and (model_of_route like '%:foundation-model/%' or model_of_route like '%:inference-profile/%')
            then {{ dbt.split_part('model_of_route', "'/'", 2) }}
        else model_of_route
    end as model,
    model_group as requested_model,
    model_group as deployment,
    coalesce(lower(azure_spillover), 'false') not in ('false', '{}', '') as is_spillover,
    started_at,
    cast(
        coalesce(
            -- two clocks, or a start that was noted late: no price needs the end
            case when ended_at >= started_at then ended_at end,
            {{ later_by('microsecond', 'cast(latency_ms * 1000 as ' ~ whole_type() ~ ')', 'started_at') }},
            started_at
        ) as {{ timestamp_type() }}
    ) as ended_at,
    latency_ms,
    prompt_tokens_total as prompt_tokens,
    -- the tokens of a batch are the sum of its requests, whose own contexts are not known
    case
        when coalesce(call_type, '') <> 'aretrieve_batch'
            then coalesce(nullif(initial_prompt_tokens_number, 0), prompt_tokens_total)
    end as context_tokens,
    completion_tokens_total as completion_tokens,
    coalesce(reasoning_tokens_number, 0) as reasoning_tokens,
    coalesce(cache_read_tokens_number, 0) as cache_read_tokens,
    coalesce(cache_read_audio_tokens_number, 0) as cache_read_audio_tokens,
    coalesce(cache_read_image_tokens_number, 0) as cache_read_image_tokens,
    -- writes beyond the breakdown have an unknown lifetime
    coalesce(all_cache_write_tokens_number, 0)
        - coalesce(cache_write_5m_tokens_number, 0)
        - coalesce(cache_write_1h_tokens_number, 0)
        - coalesce(cache_write_12h_tokens_number, 0) as cache_write_tokens,
    coalesce(cache_write_5m_tokens_number, 0) as cache_write_5m_tokens,
    coalesce(cache_write_1h_tokens_number, 0) as cache_write_1h_tokens,
    coalesce(cache_write_12h_tokens_number, 0) as cache_write_12h_tokens,
    coalesce(all_audio_tokens_number, 0) - coalesce(cache_read_audio_tokens_number, 0) as input_audio_tokens,
    coalesce(all_image_tokens_number, 0) - coalesce(cache_read_image_tokens_number, 0) as input_image_tokens,
    coalesce(output_audio_tokens_number, 0) as output_audio_tokens,
    coalesce(output_image_tokens_number, 0) as output_image_tokens,
    coalesce(web_search_requests_number, 0) as web_search_requests,
    generated_images,
    coalesce(input_pages_number, 0) as input_pages,
    coalesce(input_annotated_pages_number, 0) as input_annotated_pages,
    coalesce(input_characters_number, 0) as input_characters,
    cast(0 as {{ whole_type() }}) as output_characters,
    input_seconds,
    output_seconds,
    -- a reranked answer's search units are in no row
    cast(0 as {{ whole_type() }}) as queries,
    -- Anthropic's fast mode is no tier of its own, but priced like one
    case when lower(speed) = 'fast' then 'fast' else service_tier end as service_tier,
    case when call_type = 'aretrieve_batch' or lower(service_tier) = 'batch' then 'batch' end as processing_mode,
    coalesce(region, region_of_name, region_of_arn, region_of_host) as region_id,
    -- LiteLLM's own response cache, never the provider's prompt cache
    coalesce({{ truth_of('cache_hit') }}, false) as is_cache_hit,
    status,
    {{ null_text() }} as feature,
    user_id,
    session_id,
    coalesce(end_user_id, end_user_of_key) as end_user_id,
    agent_id,
    key_alias,
    coalesce(project_of_key, project_alias) as project_id,
    {{ null_text() }} as classification,
    {{ null_text() }} as other_classification,
    -- request tags are the users' own scheme; keys of spend_logs_metadata get a prefix, so that the
    -- two can't be mistaken for one another (FOCUS Tags)
    {{ json_object([
        json_members_of_tag_list('checked.request_tags'),
        json_members_prefixed('checked.spend_logs_metadata', 'spend_logs_metadata/'),
        'case when project_of_key <> project_alias then ' ~ json_member('x-cost-project-name', 'project_alias') ~ " else '' end",
    ]) }} as further_tags_json,
    false as is_person_tagged,
    spend as source_cost,
    nullif(tool_cost, 0) as stated_tool_cost,
    nullif(guardrail_cost, 0) as stated_guardrail_cost,
    nullif(additional_cost, 0) as stated_fee,
    nullif(margin, 0) as stated_margin,
    -nullif(discount, 0) as stated_discount,
    has_own_price,
    {{ names_to_list('unread_usage_json') }} as unread_usage_json,
    case
        -- whoever called was logged in to the provider himself: a seat of a subscription pays, or nobody here
        when lower(used_client_oauth_token) = 'true' and not is_unanswered then 'billed_elsewhere'
        when
            {{ has_holding_number('unread_usage_json', 'litellm') }}
            -- rounds on a model that another one asked for help
            or replace({{ rounds_of_model }}, '"model":null', '') like '%"model"%'
            or citation_tokens_number > 0 and lower(model_of_route) like '%deep-research%'
            then 'unknown_usage'
        -- costs of which not every one is an amount
        when
            coalesce(additional_costs, '{}') not in ('{}', '[]', '')
            and additional_cost is null
            then 'cost_not_metered'
        when
            lower(status) = 'success'
            and model_as_sent <> ''
            and prompt_tokens_total + completion_tokens_total + coalesce(web_search_requests_number, 0)
            + generated_images + coalesce(input_pages_number, 0) + coalesce(input_annotated_pages_number, 0)
            + coalesce(input_characters_number, 0) + input_seconds + output_seconds = 0
            and coalesce(spend, 0) between 0 and greatest(cost_beside_usage, 0) + {{ a_billionth }}
            and coalesce(lower(call_type), '') not in (
                {%- for name in administrative %}
                '{{ name }}', 'a{{ name }}'{{ ',' if not loop.last }}
                {%- endfor %}
            )
            then 'usage_missing'
    end as source_hold_reason,
    ingested_at
from checked
