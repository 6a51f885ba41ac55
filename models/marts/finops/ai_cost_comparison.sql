{{ config(materialized='table') }}

{#- Both costs in USD, as sources tell them, ours at list prices with all corrections. A call that is billed in another
    currency is compared by its prices, where they are in USD. A reason is a fact of the call or of its prices, and of
    several the first that stands here; what none explains is said to be unexplained. -#}

with usage_of_calls as (

    select * from {{ ref('int_usage') }}
    where
        source_cost is not null
        and not is_cache_hit

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

meters as (

    select * from {{ ref('ai_meters') }}

),

stated_costs as (

    select
        source_name,
        {{ try_cost('tolerance') }} as tolerance,
        is_float
    from {{ ref('ai_stated_costs') }}

),

-- models of which the book and LiteLLM's price list differ, as somebody has looked at
reviewed_models as (

    select distinct
        provider,
        model,
        source as source_name
    from {{ ref('ai_reviewed_differences') }}

),

charges as (

    select
        charges.call_key,
        charges.price_rule,
        coalesce(meters.consumed_unit in ('Requests', 'Prompts'), false) as is_of_tool,
        charges.meter = 'stated_call' as is_stated_whole,
        case
            when charges.billing_currency = {{ stated_currency() }} then charges.list_cost
            when charges.pricing_currency = {{ stated_currency() }}
                then {{ multiply_price('charges.pricing_currency_list_unit_price', 'charges.pricing_quantity') }}
        end as usd_cost
    from {{ ref('int_charges') }} as charges
    left join meters
        on charges.meter = meters.meter

),

charged as (

    select
        call_key,
        cast(sum(usd_cost) as {{ cost_type() }}) as computed_cost,
        cast(sum(case when is_of_tool then usd_cost else 0 end) as {{ cost_type() }}) as tool_cost,
        max(case when price_rule = 'region_assumed' then 1 else 0 end) = 1 as is_region_assumed,
        max(case when price_rule in ('derived', 'tier_fallback') then 1 else 0 end) = 1 as is_tier_assumed,
        max(case when price_rule in ('default_cache_ttl', 'uncached_assumed') then 1 else 0 end) = 1
            as is_cache_assumed,
        cast(sum(case when price_rule = 'input_price' then usd_cost else 0 end) as {{ cost_type() }})
            as cost_of_cached_at_input_price
    from charges
    group by call_key
    having
        count(*) = count(usd_cost)
        -- what a source states is no witness of itself
        and sum(case when is_stated_whole then usd_cost else 0 end) = 0

),

compared as (

    select
        usage_of_calls.call_key,
        usage_of_calls.source_name,
        usage_of_calls.call_id,
        usage_of_calls.billing_account_id,
        usage_of_calls.sub_account_id,
        usage_of_calls.provider,
        usage_of_calls.model,
        usage_of_calls.deployment,
        usage_of_calls.charge_period_start,
        {{ stated_currency() }} as currency,
        charged.computed_cost,
        usage_of_calls.source_cost as stated_cost,
        cast(charged.computed_cost - usage_of_calls.source_cost as {{ cost_type() }}) as cost_difference,
        -- of a source that nobody described costs are floats
        coalesce(stated_costs.tolerance, cast('0.000000001' as {{ cost_type() }})) as tolerance,
        coalesce(stated_costs.is_float, 'true') = 'true' as is_float,
        charged.tool_cost,
        usage_of_calls.stated_tool_cost,
        usage_of_calls.has_own_price,
        lower(usage_of_calls.status) as status,
        charged.is_region_assumed,
        reviewed_models.model is not null as is_price_reviewed,
        charged.is_tier_assumed
        or usage_of_calls.service_tier <> 'standard'
        or usage_of_calls.processing_mode <> 'realtime' as is_of_tier,
        charged.is_cache_assumed,
        charged.cost_of_cached_at_input_price
    from usage_of_calls
    inner join charged
        on usage_of_calls.call_key = charged.call_key
    left join held_calls
        on usage_of_calls.call_key = held_calls.call_key
    left join stated_costs
        on usage_of_calls.source_name = stated_costs.source_name
    left join reviewed_models
        on
            usage_of_calls.source_name = reviewed_models.source_name
            and usage_of_calls.provider = reviewed_models.provider
            and usage_of_calls.model = reviewed_models.model
    where held_calls.call_key is null

),

judged as (

    select
        *,
        -- of the smallest costs one part in a thousand is less than a float's noise
        abs(cost_difference) > tolerance
        or (is_float and abs(cost_difference) * 1000 > abs(stated_cost)) as is_different
    from compared

)

select
    call_key,
    source_name,
    call_id,
    billing_account_id,
    sub_account_id,
    provider,
    model,
    deployment,
    charge_period_start,
    currency,
    computed_cost,
    stated_cost,
    cost_difference,
    tolerance,
    is_different,
    case
        when not is_different then 'equal'
        when status = 'failure' then 'failed_call'
        when stated_cost = 0 then 'no_price_at_source'
        when has_own_price then 'own_price'
        -- nothing but what searches cost here and there
        when
            tool_cost <> 0
            and abs(cost_difference - (tool_cost - coalesce(stated_tool_cost, 0))) <= tolerance
            then 'tool_or_fee'
        when is_region_assumed then 'region_not_told'
        when is_price_reviewed then 'price_differs'
        when is_of_tier then 'tier'
        when is_cache_assumed then 'cache'
        -- the source has some price for cached tokens
        when cost_difference > 0 and cost_difference <= cost_of_cached_at_input_price then 'cache'
        else 'unexplained'
    end as reason
from judged
