{#- What a source states for what no meter counts is charged to its call once, corrections included, to the 12
    decimals of a price, and nothing else is: a call costs what its meters come to and these amounts. A tool's cost is
    that of searches where they are counted, and a discount is that of the account's contracts where it has some. A call
    that the log counts nothing of costs what the log states, unless its model has a price per request; and so does one
    whose provider or deployment is taken at its word. -#}
{%- set amounts = stated_meters() %}

with charged as (

    select
        call_key,
        {%- for meter in amounts %}
        sum(
            case
                when meter = '{{ meter }}' and cost_basis = 'stated'
                    then coalesce(pricing_currency_effective_cost, billed_cost)
                else 0
            end
        ) as {{ meter }},
        {%- endfor %}
        max(case when meter = 'request' then 1 else 0 end) as has_request
    from {{ ref('int_charges') }}
    where cost_basis = 'stated' or meter = 'request'
    group by call_key

),

cost_bases as (

    select * from {{ ref('int_cost_bases') }}
    where prices_as_of in (select max(prices_as_of) from {{ ref('int_price_snapshots') }})

),

usage_of_calls as (

    select
        calls.*,
        calls.is_billable
        and calls.bucket_meter is null
        and coalesce(calls.source_cost, 0) > 0
        and coalesce(bases_of_deployments.cost_basis, bases_of_providers.cost_basis, 'list') = 'stated'
            as is_taken_at_its_word,
        calls.is_billable
        and calls.bucket_meter is null
        and coalesce(calls.source_cost, 0) > 0
        and {{ counted_usage('calls') }} = 0
        and coalesce(
            calls.stated_tool_cost, calls.stated_guardrail_cost, calls.stated_fee, calls.stated_margin,
            calls.stated_discount
        ) is null as is_uncounted
    from {{ ref('int_usage') }} as calls
    left join cost_bases as bases_of_providers
        on
            calls.provider = bases_of_providers.provider
            and calls.source_name = coalesce(bases_of_providers.source_name, calls.source_name)
            and bases_of_providers.deployment is null
            and calls.charge_period_start >= bases_of_providers.valid_from
            and calls.charge_period_start < bases_of_providers.valid_to
    left join cost_bases as bases_of_deployments
        on
            calls.provider = bases_of_deployments.provider
            and calls.source_name = coalesce(bases_of_deployments.source_name, calls.source_name)
            and calls.deployment = bases_of_deployments.deployment
            and calls.charge_period_start >= bases_of_deployments.valid_from
            and calls.charge_period_start < bases_of_deployments.valid_to

),

stated as (

    select
        usage_of_calls.call_key,
        usage_of_calls.stated_call_cost is not null or usage_of_calls.is_taken_at_its_word as is_stated_whole,
        usage_of_calls.is_uncounted and not usage_of_calls.is_taken_at_its_word as is_uncounted,
        round(
            coalesce(
                usage_of_calls.stated_call_cost,
                case
                    when usage_of_calls.is_uncounted or usage_of_calls.is_taken_at_its_word
                        then usage_of_calls.source_cost
                end
            ),
            12
        ) as stated_call,
        case when usage_of_calls.web_search_requests = 0 then round(usage_of_calls.stated_tool_cost, 12) end
            as stated_tool,
        round(usage_of_calls.stated_guardrail_cost, 12) as stated_guardrail,
        round(usage_of_calls.stated_fee, 12) as stated_fee,
        round(usage_of_calls.stated_margin, 12) as stated_margin,
        round(usage_of_calls.stated_discount, 12) as stated_discount
    from usage_of_calls
    left join {{ ref('int_held_calls') }} as held_calls
        on usage_of_calls.call_key = held_calls.call_key
    where
        held_calls.call_key is null
        and not usage_of_calls.is_cache_hit
        and (
            usage_of_calls.is_uncounted
            or usage_of_calls.is_taken_at_its_word
            or coalesce(
                usage_of_calls.stated_call_cost, usage_of_calls.stated_tool_cost, usage_of_calls.stated_guardrail_cost,
                usage_of_calls.stated_fee, usage_of_calls.stated_margin, usage_of_calls.stated_discount
            ) is not null
        )

)

select
    coalesce(stated.call_key, charged.call_key) as call_key
from stated
full outer join charged
    on stated.call_key = charged.call_key
where
    not (coalesce(stated.is_uncounted, false) and coalesce(charged.has_request, 0) = 1)
    and (
        {%- for meter in amounts %}
        {{ 'or ' if not loop.first }}(
            coalesce(charged.{{ meter }}, 0)
            <> {% if meter != 'stated_call' %}case when stated.is_stated_whole then 0 else {% endif -%}
            coalesce(stated.{{ meter }}, 0){{ ' end' if meter != 'stated_call' }}
            {%- if meter == 'stated_discount' %}
            and charged.stated_discount <> 0
            {%- endif %}
        )
        {%- endfor %}
    )
