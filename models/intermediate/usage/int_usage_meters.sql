{#- One row per call, booking and meter with a quantity. What a meter counts stands in the seed ai_meters. The
    token meters of a call are disjoint and sum to its prompt and completion tokens. -#}
{%- set meters_of_calls = usage_meters() | rejectattr('meter', 'in', stated_meters()) | list -%}
{%- set stated_meters_of_calls = usage_meters() | selectattr('meter', 'in', stated_meters()) | list -%}
{%- set amounts_of_calls = stated_meters_of_calls
    | map(attribute='counted_in') | reject('equalto', 'stated_call_cost') | list %}

-- a model is counted by the prompt while it has a price of it; when it has none any more, its searches are searches
with grounded_prompt_prices as (

    select distinct
        prices_as_of,
        provider,
        model,
        service_tier,
        processing_mode,
        valid_from,
        valid_to
    from {{ ref('int_meter_prices') }}
    where meter = 'grounded_prompt'

),

-- models that have, or had, a price of a call as such: no sum that a log states takes its place
request_prices as (

    select distinct
        prices_as_of,
        provider,
        model
    from {{ ref('int_meter_prices') }}
    where meter = 'request'

),

cost_bases as (

    select * from {{ ref('int_cost_bases') }}

),

usage_of_calls as (

    select
        usage_of_calls.*,
        -- one prompt, however often it was searched for; of a sum of prompts their number is not known
        grounded_prompt_prices.model is not null and usage_of_calls.context_tokens is not null
            as is_search_priced_by_prompt,
        -- of a call without any count its cost is all that is known; of two amounts one may hold the other
        coalesce(
            usage_of_calls.stated_call_cost,
            case
                when
                    usage_of_calls.is_billable
                    and usage_of_calls.source_cost > 0
                    and usage_of_calls.source_hold_reason is null
                    and usage_of_calls.bucket_meter is null
                    and (
                        coalesce(bases_of_deployments.cost_basis, bases_of_providers.cost_basis) = 'stated'
                        or (
                            {{ counted_usage('usage_of_calls') }} = 0
                            and coalesce(
                                usage_of_calls.stated_tool_cost, usage_of_calls.stated_guardrail_cost,
                                usage_of_calls.stated_fee, usage_of_calls.stated_margin, usage_of_calls.stated_discount
                            ) is null
                            and request_prices.model is null
                        )
                    )
                    then usage_of_calls.source_cost
            end
        ) as whole_cost
    from {{ ref('int_call_bookings') }} as usage_of_calls
    left join grounded_prompt_prices
        on
            usage_of_calls.prices_as_of = grounded_prompt_prices.prices_as_of
            and usage_of_calls.provider = grounded_prompt_prices.provider
            and usage_of_calls.model = grounded_prompt_prices.model
            and usage_of_calls.service_tier = grounded_prompt_prices.service_tier
            and usage_of_calls.processing_mode = grounded_prompt_prices.processing_mode
            and usage_of_calls.charge_period_start >= grounded_prompt_prices.valid_from
            and usage_of_calls.charge_period_start < grounded_prompt_prices.valid_to
    left join request_prices
        on
            usage_of_calls.prices_as_of = request_prices.prices_as_of
            and usage_of_calls.provider = request_prices.provider
            and usage_of_calls.model = request_prices.model
    left join cost_bases as bases_of_providers
        on
            usage_of_calls.prices_as_of = bases_of_providers.prices_as_of
            and usage_of_calls.provider = bases_of_providers.provider
            and usage_of_calls.source_name = coalesce(bases_of_providers.source_name, usage_of_calls.source_name)
            and bases_of_providers.deployment is null
            and usage_of_calls.charge_period_start >= bases_of_providers.valid_from
            and usage_of_calls.charge_period_start < bases_of_providers.valid_to
    left join cost_bases as bases_of_deployments
        on
            usage_of_calls.prices_as_of = bases_of_deployments.prices_as_of
            and usage_of_calls.provider = bases_of_deployments.provider
            and usage_of_calls.source_name = coalesce(bases_of_deployments.source_name, usage_of_calls.source_name)
            and usage_of_calls.deployment = bases_of_deployments.deployment
            and usage_of_calls.charge_period_start >= bases_of_deployments.valid_from
            and usage_of_calls.charge_period_start < bases_of_deployments.valid_to

),

counted as (

    select
        *,
        case when is_search_priced_by_prompt then 0 else web_search_requests end as web_searches,
        case when is_search_priced_by_prompt and web_search_requests > 0 then 1 else 0 end as grounded_prompts,
        -- what an answer without counts cost is not known, or a call cost more than they: no price, but not free
        case
            when
                is_billable
                and whole_cost is null
                and (
                    source_hold_reason is not null
                    or (
                        {{ counted_usage('usage_of_calls') }} = 0
                        -- nothing but what the source states apart
                        and not coalesce(
                            source_cost <= coalesce(stated_tool_cost, 0)
                            + coalesce(stated_guardrail_cost, 0)
                            + coalesce(stated_fee, 0)
                            + coalesce(stated_margin, 0)
                            + coalesce(stated_discount, 0)
                            + cast('0.000000001' as {{ cost_type() }})
                            and coalesce(
                                stated_tool_cost, stated_guardrail_cost, stated_fee, stated_margin, stated_discount
                            ) is not null,
                            false
                        )
                    )
                )
                then 1
            else 0
        end as unmetered_requests
    from usage_of_calls

),

meters as (

    select meter
    from {{ ref('ai_meters') }}
    where
        counted_in <> ''
        and meter not in ({{ stated_meter_list() }})

    union all

    -- whatever the source states; taken apart below, since hardly a call has such an amount
    select 'stated' as meter

    union all

    -- a bucket says itself what it counts
    select {{ null_text() }} as meter

),

metered as (

    select
        counted.*,
        coalesce(counted.bucket_meter, meters.meter) as counted_meter,
        case
            when counted.bucket_meter is not null
                then case when meters.meter is null then counted.bucket_quantity end
            when meters.meter = 'stated'
                then
                    case
                        when
                            coalesce(
                                counted.whole_cost,
                                {{ amounts_of_calls | join(', ') }}
                            ) is not null
                            then 1
                    end
            -- an amount for the whole call is all that it has
            when counted.whole_cost is not null then 0
            else
                case meters.meter
                    {%- for meter in meters_of_calls %}
                    when '{{ meter.meter }}' then {{ usage_quantity(meter) }}
                    {%- endfor %}
                end
        end as counted_quantity,
        case meters.meter
            {%- for meter in meters_of_calls if meter.counted_after %}
            when '{{ meter.meter }}'
                then {{ usage_quantity(meters_of_calls | selectattr('meter', 'equalto', meter.counted_after) | first) }}
            {%- endfor %}
            else 0
        end as preceding_quantity
    from counted
    cross join meters

),

used as (

    select * from metered where counted_quantity <> 0

),

stated_meters as (

    select
        meter,
        'stated' as counted_meter
    from {{ ref('ai_meters') }}
    where meter in ({{ stated_meter_list() }})

),

-- since when an account's discounts are those of its contracts
contracted_accounts as (

    select
        billing_account_id,
        provider,
        min(known_from) as known_from
    from {{ ref('stg_pricing__contract_prices') }}
    group by 1, 2

),

stated as (

    select
        used.*,
        coalesce(stated_meters.meter, used.counted_meter) as meter,
        -- what lies beyond the decimals of a price is a float's
        round(
            case
                when used.whole_cost is not null
                    then case when stated_meters.meter = 'stated_call' then used.whole_cost end
                {%- for meter in stated_meters_of_calls if meter.meter != 'stated_call' %}
                when stated_meters.meter = '{{ meter.meter }}' then
                    {%- if meter.meter == 'stated_tool' %}
                    -- searches that are counted have their own price
                    case when used.web_search_requests = 0 then used.{{ meter.counted_in }} end
                    {%- elif meter.meter == 'stated_discount' %}
                    case when contracted_accounts.billing_account_id is null then used.{{ meter.counted_in }} end
                    {%- else %} used.{{ meter.counted_in }}
                    {%- endif %}
                {%- endfor %}
            end,
            12
        ) as stated_amount
    from used
    left join stated_meters
        on used.counted_meter = stated_meters.counted_meter
    left join contracted_accounts
        on
            used.counted_meter = 'stated'
            and used.billing_account_id = contracted_accounts.billing_account_id
            and used.provider = contracted_accounts.provider
            and used.prices_as_of >= contracted_accounts.known_from

)

select
    *,
    case
        when counted_meter <> 'stated' then counted_quantity
        when stated_amount < 0 then -1
        else 1
    end as consumed_quantity
from stated
where
    counted_meter <> 'stated'
    or stated_amount <> 0
