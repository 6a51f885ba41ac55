{#- What-if: no charge comes from it. A price is chosen by the macro that also chooses what is charged. -#}
{%- set usage_key = [
    'billing_period_start', 'billing_currency', 'provider', 'model', 'service_tier', 'processing_mode', 'meters',
] -%}
{%- set row_key = usage_key + ['other_provider', 'other_model'] -%}

with charged_calls as (

    select
        call_key,
        billing_currency,
        sum(list_cost) as list_cost
    from {{ ref('int_charges') }}
    group by call_key, billing_currency

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

-- a call of a closed period stands once more for each time that its price or counts became others
usage_meters as (

    select * from {{ ref('int_usage_meters') }}
    where
        is_current
        and not is_cache_hit

),

offers as (

    select * from {{ ref('int_what_if_offers') }}

),

latest_snapshot as (

    select max(prices_as_of) as prices_as_of from {{ ref('int_meter_prices') }}

),

all_day_prices as (

    select * from {{ ref('int_meter_prices') }} where daily_window is null and weekdays is null

),

window_prices as (

    select * from {{ ref('int_meter_prices') }} where daily_window is not null or weekdays is not null

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates_daily') }}

),

meters as (

    select
        meter,
        cast(pricing_block as {{ whole_type() }}) as pricing_block
    from {{ ref('meters') }}

),

charged_meters as (

    select
        usage_meters.*,
        charged_calls.billing_currency,
        charged_calls.list_cost
    from usage_meters
    inner join charged_calls
        on usage_meters.call_key = charged_calls.call_key
    left join held_calls
        on usage_meters.call_key = held_calls.call_key
    where held_calls.call_key is null

),

calls as (

    select
        call_key,
        billing_currency,
        provider,
        model,
        service_tier,
        processing_mode,
        {{ billing_period_start('charge_period_start') }} as billing_period_start,
        prompt_tokens + completion_tokens as tokens,
        list_cost,
        {{ dbt.listagg('meter', "', '", 'order by meter') }} as meters
    from charged_meters
    group by
        call_key,
        billing_currency,
        provider,
        model,
        service_tier,
        processing_mode,
        charge_period_start,
        prompt_tokens,
        completion_tokens,
        list_cost

),

used as (

    select
        {{ usage_key | join(',\n        ') }},
        count(*) as calls,
        sum(tokens) as tokens,
        sum(list_cost) as list_cost
    from calls
    group by
        {{ usage_key | join(',\n        ') }}

),

-- each meter as if the other model had served it
asked as (

    select
        {%- for column in usage_key %}
        calls.{{ column }} as used_{{ column }},
        {%- endfor %}
        charged_meters.meter as used_meter,
        offers.other_service_tier,
        offers.other_meter is not null and offers.other_meter <> offers.meter as is_substituted,
        latest_snapshot.prices_as_of,
        offers.other_provider as provider,
        offers.other_model as model,
        offers.other_meter as meter,
        offers.other_service_tier as service_tier,
        charged_meters.processing_mode,
        false as is_capacity_paid,
        charged_meters.charge_period_start,
        charged_meters.started_second_of_day,
        charged_meters.started_weekday,
        charged_meters.context_tokens,
        -- a region of one provider says nothing of the regions of another
        case when charged_meters.provider = offers.other_provider then charged_meters.region_id end as region_id,
        charged_meters.consumed_quantity,
        charged_meters.preceding_quantity
    from charged_meters
    inner join calls
        on
            charged_meters.call_key = calls.call_key
            and charged_meters.billing_currency = calls.billing_currency
    cross join latest_snapshot
    inner join offers
        on
            charged_meters.service_tier = offers.service_tier
            and charged_meters.processing_mode = offers.processing_mode
            and charged_meters.meter = offers.meter

),

fitting as (

    select
        asked.*,
        {{ preceding_quantity('asked', 'coalesce(window_prices.price_meter, all_day_prices.price_meter)') }}
            as quantity_before,
        coalesce(window_prices.unit_price, all_day_prices.unit_price) as unit_price,
        coalesce(window_prices.currency, all_day_prices.currency) as currency,
        coalesce(window_prices.region_id, all_day_prices.region_id) as price_region_id,
        case
            when coalesce(window_prices.context_rule, all_day_prices.context_rule) = 'slice'
                then coalesce(window_prices.context_tokens_gt, all_day_prices.context_tokens_gt)
        end as slice_above,
        coalesce(window_prices.context_tokens_up_to, all_day_prices.context_tokens_up_to) as slice_up_to
    from asked
    {{ join_meter_prices('asked') | indent(4) }}

),

-- in the currency of the bill, converted as the price of the model that served is
converted as (

    select
        fitting.*,
        case
            when fitting.slice_above is not null
                then
                    least(fitting.quantity_before + fitting.consumed_quantity, fitting.slice_up_to)
                    - greatest(fitting.quantity_before, fitting.slice_above)
            else fitting.consumed_quantity
        end as priced_quantity,
        case
            when fitting.used_billing_currency = fitting.currency then fitting.unit_price
            else {{ converted_price('fitting.unit_price', 'exchange_rates.exchange_rate') }}
        end as list_unit_price
    from fitting
    left join exchange_rates
        on
            fitting.prices_as_of = exchange_rates.prices_as_of
            and fitting.currency = exchange_rates.from_currency
            and fitting.used_billing_currency = exchange_rates.to_currency
            and cast(fitting.charge_period_start as date) = exchange_rates.rate_day

),

repriced_meters as (

    select
        {%- for column in usage_key %}
        converted.used_{{ column }} as {{ column }},
        {%- endfor %}
        converted.provider as other_provider,
        converted.model as other_model,
        converted.used_meter,
        max(converted.other_service_tier) as other_service_tier,
        max(case when converted.is_substituted then converted.used_meter end) as substituted_meter,
        max(case when converted.list_unit_price is null then converted.used_meter end) as missing_meter,
        max(case when converted.price_region_id is not null and converted.region_id is null then 1 else 0 end)
            as is_region_assumed,
        sum({{ multiply_price(
            'converted.list_unit_price',
            pricing_quantity('converted.priced_quantity', 'meters.pricing_block')
        ) }}) as list_cost
    from converted
    inner join meters
        on converted.used_meter = meters.meter
    group by
        {%- for column in usage_key %}
        converted.used_{{ column }},
        {%- endfor %}
        converted.provider,
        converted.model,
        converted.used_meter

),

repriced as (

    select
        {{ row_key | join(',\n        ') }},
        max(other_service_tier) as other_service_tier,
        {{ dbt.listagg('missing_meter', "', '", 'order by missing_meter') }} as missing_meters,
        {{ dbt.listagg('substituted_meter', "', '", 'order by substituted_meter') }} as substituted_meters,
        max(is_region_assumed) = 1 as is_region_assumed,
        case when max(missing_meter) is null then sum(list_cost) end as list_cost
    from repriced_meters
    group by
        {{ row_key | join(',\n        ') }}

)

select
    {%- for column in usage_key %}
    used.{{ column }},
    {%- endfor %}
    repriced.other_provider,
    repriced.other_model,
    repriced.other_service_tier,
    cast(used.calls as {{ whole_type() }}) as calls,
    cast(used.tokens as {{ whole_type() }}) as tokens,
    cast(used.list_cost as {{ cost_type() }}) as list_cost,
    cast(repriced.list_cost as {{ cost_type() }}) as repriced_list_cost,
    cast(repriced.list_cost - used.list_cost as {{ cost_type() }}) as list_cost_difference,
    nullif(repriced.missing_meters, '') as missing_meters,
    nullif(repriced.substituted_meters, '') as substituted_meters,
    repriced.is_region_assumed
from used
inner join repriced
    on
        {%- for column in usage_key %}
        {{ 'and ' if not loop.first }}used.{{ column }} = repriced.{{ column }}
        {%- endfor %}
