with usage_of_calls as (

    select * from {{ ref('int_usage') }}

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

providers as (

    select * from {{ ref('stg_pricing__providers') }}

),

charged as (

    select
        call_key,
        -- amounts of several currencies have no sum
        case when min(billing_currency) = max(billing_currency) then cast(sum(billed_cost) as {{ cost_type() }}) end
            as billed_cost,
        case when min(billing_currency) = max(billing_currency) then max(billing_currency) end as billing_currency
    from {{ ref('int_charges') }}
    group by call_key

),

-- what the provider would have listed for a call that the gateway's own cache answered
avoided as (

    select
        call_key,
        cast(sum(list_cost) as {{ cost_type() }}) as avoided_list_cost,
        max(currency) as billing_currency
    from {{ ref('int_usage_priced') }}
    where
        is_cache_hit
        and is_current
    group by call_key

)

select
    usage_of_calls.call_key,
    usage_of_calls.source_name,
    usage_of_calls.call_id,
    usage_of_calls.billing_account_id,
    usage_of_calls.billing_account_name,
    usage_of_calls.sub_account_id,
    usage_of_calls.sub_account_name,
    usage_of_calls.sub_account_id_as_sent,
    usage_of_calls.allocation_rule,
    usage_of_calls.provider,
    usage_of_calls.provider_as_sent,
    providers.service_provider_name,
    usage_of_calls.model,
    usage_of_calls.model_as_sent,
    usage_of_calls.requested_model,
    usage_of_calls.charge_period_start,
    usage_of_calls.charge_period_end,
    {{ billing_period_start('usage_of_calls.charge_period_start') }} as usage_month,
    usage_of_calls.started_at,
    usage_of_calls.ended_at,
    cast(
        coalesce(
            usage_of_calls.latency_ms,
            {{ dbt.datediff('usage_of_calls.started_at', 'usage_of_calls.ended_at', 'millisecond') }}
        ) as {{ decimal_type(18, 3) }}
    ) as latency_ms,
    usage_of_calls.status,
    usage_of_calls.is_cache_hit,
    usage_of_calls.is_billable,
    usage_of_calls.prompt_tokens as input_tokens,
    usage_of_calls.completion_tokens as output_tokens,
    usage_of_calls.prompt_tokens + usage_of_calls.completion_tokens as total_tokens,
    usage_of_calls.cache_read_tokens,
    usage_of_calls.cache_write_tokens + usage_of_calls.cache_write_5m_tokens + usage_of_calls.cache_write_1h_tokens
    + usage_of_calls.cache_write_12h_tokens
        as cache_write_tokens,
    usage_of_calls.reasoning_tokens,
    -- a call without a charge cost nothing (answered from the gateway's cache, failed, no tokens);
    -- a call that is held back has an unknown cost
    case
        when usage_of_calls.is_cache_hit then cast(0 as {{ cost_type() }})
        when held_calls.call_key is not null then null
        when charged.call_key is null then cast(0 as {{ cost_type() }})
        else charged.billed_cost
    end as billed_cost,
    case
        when usage_of_calls.is_cache_hit or held_calls.call_key is null
            then
                case
                    when charged.call_key is not null then charged.billing_currency
                    else coalesce(
                        avoided.billing_currency,
                        usage_of_calls.account_currency,
                        {{ sql_text(var('billing_currency')) }}
                    )
                end
    end as billing_currency,
    case when not usage_of_calls.is_cache_hit then held_calls.hold_reason end as hold_reason,
    case when held_calls.call_key is null then avoided.avoided_list_cost end as avoided_list_cost,
    usage_of_calls.source_cost,
    usage_of_calls.service_tier,
    usage_of_calls.processing_mode,
    usage_of_calls.feature,
    usage_of_calls.user_id,
    usage_of_calls.session_id,
    usage_of_calls.end_user_id,
    usage_of_calls.agent_id,
    usage_of_calls.key_alias,
    usage_of_calls.project_id,
    usage_of_calls.classification,
    usage_of_calls.tags_json
from usage_of_calls
left join held_calls
    on usage_of_calls.call_key = held_calls.call_key
left join charged
    on usage_of_calls.call_key = charged.call_key
left join avoided
    on
        usage_of_calls.call_key = avoided.call_key
        and usage_of_calls.is_cache_hit
left join providers
    on usage_of_calls.provider = providers.provider
