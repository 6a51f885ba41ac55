{#- One row per delivery of a call that counts or once counted, of every enabled source, with the names
    of the price book. -#}

with usage_of_sources as (

    {%- for source_name in usage_sources() %}
    {{ 'union all' if not loop.first }}
    select * from {{ ref('stg_' ~ source_name ~ '__usage') }}
    {%- endfor %}

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

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
        usage_of_sources.source_name,
        usage_of_sources.call_key,
        usage_of_sources.call_id,
        usage_of_sources.billing_account_id,
        coalesce(usage_of_sources.billing_account_name, billing_accounts.billing_account_name) as billing_account_name,
        billing_accounts.billing_currency as account_currency,
        usage_of_sources.sub_account_id,
        usage_of_sources.sub_account_name,
        usage_of_sources.provider_as_sent,
        provider_aliases.provider,
        usage_of_sources.model as served_model,
        model_names.model as latest_model,
        usage_of_sources.requested_model,
        usage_of_sources.deployment,
        usage_of_sources.is_spillover,
        usage_of_sources.started_at,
        usage_of_sources.ended_at,
        {{ floor_to_second('usage_of_sources.started_at') }} as charge_period_start,
        {{ charge_period_end('usage_of_sources.started_at', 'usage_of_sources.ended_at') }} as charge_period_end,
        {{ second_of_day('usage_of_sources.started_at') }} as started_second_of_day,
        {{ iso_weekday('usage_of_sources.started_at') }} as started_weekday,
        usage_of_sources.latency_ms,
        usage_of_sources.prompt_tokens,
        usage_of_sources.context_tokens,
        usage_of_sources.completion_tokens,
        usage_of_sources.reasoning_tokens,
        usage_of_sources.cache_read_tokens,
        usage_of_sources.cache_read_audio_tokens,
        usage_of_sources.cache_read_image_tokens,
        usage_of_sources.cache_write_tokens,
        usage_of_sources.cache_write_5m_tokens,
        usage_of_sources.cache_write_1h_tokens,
        usage_of_sources.input_audio_tokens,
        usage_of_sources.input_image_tokens,
        usage_of_sources.output_audio_tokens,
        usage_of_sources.web_search_requests,
        {{ service_tier_of('usage_of_sources.service_tier') }} as service_tier,
        {{ processing_mode_of('usage_of_sources.processing_mode', 'usage_of_sources.service_tier') }}
            as processing_mode,
        lower(usage_of_sources.region_id) as region_id,
        usage_of_sources.is_cache_hit,
        usage_of_sources.status,
        usage_of_sources.feature,
        usage_of_sources.user_id,
        usage_of_sources.session_id,
        usage_of_sources.classification,
        usage_of_sources.other_classification,
        {%- for tags in ['tags_json', 'shared_tags_json'] %}
        {{ with_department_tag(
            'usage_of_sources.' ~ tags, 'usage_of_sources.sub_account_id', 'usage_of_sources.sub_account_name'
        ) }} as {{ tags }},
        {%- endfor %}
        usage_of_sources.source_cost,
        -- an amount that the source took back, of which nothing tells what for
        case
            when
                usage_of_sources.source_cost < 0
                and usage_of_sources.prompt_tokens
                + usage_of_sources.completion_tokens
                + usage_of_sources.web_search_requests
                = 0
                then 'cost_not_metered'
            else usage_of_sources.source_hold_reason
        end as source_hold_reason,
        usage_of_sources.ingested_at,
        usage_of_sources.superseded_at,
        usage_of_sources.left_at,
        provider_aliases.known_from as provider_known_from
    from usage_of_sources
    left join provider_aliases
        on lower(usage_of_sources.provider_as_sent) = provider_aliases.alias
    left join model_names
        on
            provider_aliases.provider = model_names.provider
            and lower(usage_of_sources.model) = model_names.model_name
            and usage_of_sources.started_at >= model_names.valid_from
            and usage_of_sources.started_at < model_names.valid_to
    left join billing_accounts
        on usage_of_sources.billing_account_id = billing_accounts.billing_account_id

)

select
    named.*,
    -- what a provider can charge for: it has tokens or searches, or the source says that it cost, or was
    -- answered
    not named.is_cache_hit
    and (
        named.prompt_tokens + named.completion_tokens + named.web_search_requests > 0
        or coalesce(named.source_cost, 0) > 0
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
