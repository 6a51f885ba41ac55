{#- One row per delivery of a call that counts or once counted, with the names of the price book. -#}

{%- set quantities = [
    'prompt_tokens', 'completion_tokens', 'reasoning_tokens', 'cache_read_tokens', 'cache_read_audio_tokens',
    'cache_read_image_tokens', 'cache_write_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'cache_write_12h_tokens', 'input_audio_tokens', 'input_image_tokens', 'output_audio_tokens', 'output_image_tokens',
    'web_search_requests',
] + unit_columns() %}

with counted as (

    select
        *,
        -- without what names one session or person: the tags by which a day's calls are summed
        {{ json_object([
            json_member('x-cog-classification', 'classification'),
            json_member('x-cog-other-classification', 'other_classification'),
            department_member('sub_account_id', 'sub_account_name', 'further_tags_json'),
            json_member('x-cost-feature', 'feature'),
            json_members('further_tags_json'),
        ]) }} as shared_tags_json
    from {{ ref('int_usage_counted') }}

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}
    {{ where_known() }}

),

model_names as (

    select * from {{ ref('int_model_names') }} where is_latest

),

provisioned_deployments as (

    select * from {{ ref('stg_pricing__provisioned_deployments') }}

),

billing_accounts as (

    select * from {{ ref('stg_currencies__billing_accounts') }}

),

named as (

    select
        counted.source_name,
        counted.call_key,
        counted.record_grain,
        counted.request_count,
        counted.bucket_meter,
        counted.bucket_quantity,
        counted.call_id,
        counted.billing_account_id,
        coalesce(counted.billing_account_name, billing_accounts.billing_account_name) as billing_account_name,
        billing_accounts.billing_currency as account_currency,
        counted.sub_account_id,
        counted.sub_account_name,
        counted.provider_as_sent,
        provider_aliases.provider,
        counted.model as model_as_sent,
        model_names.model as latest_model,
        counted.requested_model,
        counted.deployment,
        counted.is_spillover,
        counted.started_at,
        counted.ended_at,
        {{ floor_to_second('counted.started_at') }} as charge_period_start,
        {{ charge_period_end('counted.started_at', 'counted.ended_at') }} as charge_period_end,
        {{ second_of_day('counted.started_at') }} as started_second_of_day,
        {{ iso_weekday('counted.started_at') }} as started_weekday,
        counted.latency_ms,
        counted.context_tokens,
        -- of what is taken back the tokens are those of the call that was charged
        {%- for quantity in quantities %}
        case when counted.source_cost < 0 then 0 else counted.{{ quantity }} end as {{ quantity }},
        {%- endfor %}
        {{ service_tier_of('counted.service_tier') }} as service_tier,
        {{ processing_mode_of('counted.processing_mode', 'counted.service_tier') }}
            as processing_mode,
        coalesce(model_names.region_id, lower(counted.region_id)) as region_id,
        counted.is_cache_hit,
        counted.status,
        counted.feature,
        counted.user_id,
        counted.session_id,
        counted.end_user_id,
        counted.agent_id,
        counted.key_alias,
        counted.project_id,
        counted.classification,
        counted.other_classification,
        {{ json_object([
            json_members('counted.shared_tags_json'),
            column_member('x-cost-agent', 'counted.agent_id', 'counted.shared_tags_json'),
            column_member('x-cost-end-user', 'counted.end_user_id', 'counted.shared_tags_json'),
            column_member('x-cost-key-alias', 'counted.key_alias', 'counted.shared_tags_json'),
            column_member('x-cost-project', 'counted.project_id', 'counted.shared_tags_json'),
            'case when counted.is_person_tagged then ' ~ json_member('x-cost-session', 'counted.session_id') ~ " else '' end",
            'case when counted.is_person_tagged then ' ~ json_member('x-cost-user', 'counted.user_id') ~ " else '' end",
        ]) }} as tags_json,
        counted.shared_tags_json,
        counted.further_tags_json,
        counted.source_cost,
        -- what is taken back is an amount
        case when counted.source_cost < 0 then counted.source_cost end as stated_call_cost,
        counted.stated_tool_cost,
        counted.stated_guardrail_cost,
        counted.stated_fee,
        counted.stated_margin,
        counted.stated_discount,
        counted.has_own_price,
        counted.unread_usage_json,
        counted.source_hold_reason,
        counted.ingested_at,
        counted.superseded_at,
        counted.moved_at,
        provider_aliases.known_from as provider_known_from
    from counted
    left join provider_aliases
        on lower(counted.provider_as_sent) = provider_aliases.alias
    left join model_names
        on
            provider_aliases.provider = model_names.provider
            and lower(counted.model) = model_names.model_name
            and counted.started_at >= model_names.valid_from
            and counted.started_at < model_names.valid_to
    left join billing_accounts
        on counted.billing_account_id = billing_accounts.billing_account_id

)

select
    named.*,
    -- what a provider can charge for: something is counted, or the source says that it cost, or was answered
    not named.is_cache_hit
    and (
        {{ counted_usage('named') }} > 0
        or coalesce(named.bucket_quantity, 0) > 0
        or coalesce(named.source_cost, 0) <> 0
        or coalesce(
            named.stated_tool_cost, named.stated_guardrail_cost, named.stated_fee, named.stated_margin,
            named.stated_discount
        ) is not null
        or named.source_hold_reason is not null
    ) as is_billable,
    -- capacity bought in advance pays for the call, unless it spilled over to pay-as-you-go
    provisioned_deployments.deployment is not null and not named.is_spillover as is_capacity_paid
from named
left join provisioned_deployments
    on
        named.provider = provisioned_deployments.provider
        and named.deployment = provisioned_deployments.deployment
        and named.charge_period_start >= provisioned_deployments.valid_from
        and named.charge_period_start < provisioned_deployments.valid_to
