{{ config(materialized='table', enabled='provider_usage' in usage_sources()) }}

{%- set counts = ['quantity', 'requests'] -%}
{%- set readings = counts if has_ambiguous_counts('provider_usage', counts) else [] -%}

with raw_buckets as (

    select * from {{ raw('provider_usage') }} as raw_rows

),

meters as (

    select * from {{ ref('ai_meters') }}

),

typed as (

    select
        _file,
        _line,
        _fault,
        {{ record_hash('provider_usage') }} as record_hash,
        provider,
        coalesce(account_id, {{ sql_text(var('billing_account_id')) }}) as billing_account_id,
        case
            when account_id is not null then account_name
            else {{ sql_text(var('billing_account_name')) if var('billing_account_name') else null_text() }}
        end as billing_account_name,
        model,
        bucket_start as bucket_start_text,
        {{ to_utc_timestamp('bucket_start') }} as bucket_start,
        bucket_width,
        case lower(bucket_width) when '1h' then 'hour' when '1d' then 'day' end as bucket_unit,
        meter,
        {%- for column in counts %}
        {{ column }},
        {{ whole_number(column) }} as {{ column }}_number,
        {%- endfor %}
        department,
        project_id,
        api_key_id,
        service_tier,
        processing_mode,
        region,
        ingested_at as ingested_at_text,
        {{ to_utc_timestamp('ingested_at') }} as ingested_at
    from raw_buckets

),

{{ with_count_readings('typed', readings) if readings -}}
bounded as (

    select
        buckets.*,
        case
            when buckets.bucket_unit = 'hour' then {{ dbt.date_trunc('hour', 'buckets.bucket_start') }}
            when buckets.bucket_unit = 'day' then {{ dbt.date_trunc('day', 'buckets.bucket_start') }}
        end as unit_start,
        case
            when buckets.bucket_unit = 'hour' then {{ later_by('hour', 1, 'buckets.bucket_start') }}
            when buckets.bucket_unit = 'day' then {{ later_by('day', 1, 'buckets.bucket_start') }}
        end as bucket_end,
        meters.meter as known_meter,
        meters.token_direction,
        meters.token_cache_action
    from {{ 'read_counts' if readings else 'typed' }} as buckets
    left join meters
        on lower(buckets.meter) = meters.meter

),

checked as (

    select
        *,
        {{ first_fault(
            [
                ['provider', 'provider', 'provider is null', 'is empty'],
                ['model', 'model', 'model is null', 'is empty'],
                ['bucket_start', 'bucket_start_text', 'bucket_start_text is null', 'is empty'],
                ['bucket_start', 'bucket_start_text', 'bucket_start is null', 'is no date and time'],
                ['bucket_width', 'bucket_width', 'bucket_width is null', 'is empty'],
                ['bucket_width', 'bucket_width', 'bucket_unit is null', 'is neither 1h nor 1d'],
                ['bucket_start', 'bucket_start_text', 'bucket_start <> unit_start',
                 'is not the start of an hour or, of 1d, of a day in UTC'],
                ['meter', 'meter', 'meter is null', 'is empty'],
                ['meter', 'meter', 'known_meter is null', 'is no meter that is known'],
                ['quantity', 'quantity', 'quantity is null', 'is empty'],
            ]
            + whole_number_faults(counts, readings)
            + [
                ['ingested_at', 'ingested_at_text',
                 'ingested_at_text is not null and ingested_at is null',
                 'is no date and time'],
            ]
        ) }}
    from bounded

)

select
    cast('provider_usage' as {{ text_type() }}) as raw_table,
    _file,
    _line,
    fault_field,
    fault_reason,
    fault_value,
    record_hash,
    -- a bucket that is told again replaces what was told of it, meter by meter
    {{ hash_of([
        "'provider_usage'", 'billing_account_id', 'lower(provider)', 'lower(model)', timestamp_text('bucket_start'),
        'bucket_unit', 'known_meter', 'department', 'project_id', 'api_key_id', 'lower(service_tier)',
        'lower(processing_mode)', 'lower(region)',
    ]) }} as replaces_key,
    cast('bucket' as {{ text_type() }}) as record_grain,
    requests_number as request_count,
    known_meter as bucket_meter,
    quantity_number as bucket_quantity,
    {{ null_text() }} as call_id,
    billing_account_id,
    billing_account_name,
    department as sub_account_id,
    department as sub_account_name,
    provider as provider_as_sent,
    model,
    {{ null_text() }} as requested_model,
    {{ null_text() }} as deployment,
    false as is_spillover,
    bucket_start as started_at,
    cast(bucket_end as {{ timestamp_type() }}) as ended_at,
    cast(null as {{ decimal_type(15, 3) }}) as latency_ms,
    case when token_direction = 'Input' then quantity_number else 0 end as prompt_tokens,
    cast(null as {{ whole_type() }}) as context_tokens,
    case when token_direction = 'Output' then quantity_number else 0 end as completion_tokens,
    cast(0 as {{ whole_type() }}) as reasoning_tokens,
    case when token_cache_action = 'Read' then quantity_number else 0 end as cache_read_tokens,
    cast(0 as {{ whole_type() }}) as cache_read_audio_tokens,
    cast(0 as {{ whole_type() }}) as cache_read_image_tokens,
    case when token_cache_action = 'Write' then quantity_number else 0 end as cache_write_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_5m_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_1h_tokens,
    cast(0 as {{ whole_type() }}) as cache_write_12h_tokens,
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
    false as is_cache_hit,
    {{ null_text() }} as status,
    {{ null_text() }} as feature,
    {{ null_text() }} as user_id,
    {{ null_text() }} as session_id,
    {{ null_text() }} as end_user_id,
    {{ null_text() }} as agent_id,
    {{ null_text() }} as key_alias,
    project_id,
    {{ null_text() }} as classification,
    {{ null_text() }} as other_classification,
    {{ json_object([
        json_member('x-cost-api-key', 'api_key_id'),
        json_member('x-cost-project', 'project_id'),
    ]) }} as further_tags_json,
    false as is_person_tagged,
    cast(null as {{ cost_type() }}) as source_cost,
    {%- for name in ['stated_tool_cost', 'stated_guardrail_cost', 'stated_fee', 'stated_margin', 'stated_discount'] %}
    cast(null as {{ cost_type() }}) as {{ name }},
    {%- endfor %}
    false as has_own_price,
    {{ null_text() }} as unread_usage_json,
    {{ null_text() }} as source_hold_reason,
    ingested_at
from checked
