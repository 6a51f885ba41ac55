{#- What-if: no charge comes from it. A price is chosen by the macro that also chooses what is charged.

    Calls that no price of the other models tells apart are summed first, and their sum is priced: those of a month,
    SKU, region and set of meters between two moments, context bands, slices and hours at which a price changes. -#}
{%- set month_and_sku = [
    'usage_month', 'billing_currency', 'provider', 'model', 'service_tier', 'processing_mode',
] -%}
{%- set usage_key = month_and_sku + ['meters_code'] -%}
{%- set row_key = usage_key + ['other_provider', 'other_model'] -%}
{%- set summed_by = usage_key + [
    'meter', 'region_id', 'rate_day', 'stretch_from', 'slot_second', 'slot_weekday', 'context_above',
    'quantity_above', 'preceding_quantity', 'quantity_after_another', 'is_of_many_requests',
] -%}
{%- set lowest = '-' ~ no_context_limit() %}
{%- set quantity_before =
    preceding_quantity('asked', 'coalesce(window_prices.price_meter, all_day_prices.price_meter)') %}

with charged_calls as (

    select
        call_key,
        billing_currency,
        sum(list_cost) as list_cost
    from {{ ref('int_charges') }}
    -- what a source states for what no meter counts has no price of another model
    where coalesce(cost_basis, 'computed') <> 'stated'
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
        and stated_amount is null

),

offers as (

    select * from {{ ref('int_what_if_offers') }}

),

latest_snapshot as (

    select max(prices_as_of) as prices_as_of from {{ ref('int_meter_prices') }}

),

asked_prices as (

    select *
    from {{ ref('int_meter_prices') }}
    where
        prices_as_of = (select latest_snapshot.prices_as_of from latest_snapshot)
        and provider || '/' || model in (select offers.other_provider || '/' || offers.other_model from offers)

),

all_day_prices as (

    select * from asked_prices where daily_window is null and weekdays is null

),

window_prices as (

    select * from asked_prices where daily_window is not null or weekdays is not null

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates_daily') }}

),

numbered_meters as (

    select
        meter,
        cast(pricing_block as {{ whole_type() }}) as pricing_block,
        row_number() over (order by meter) - 1 as meter_number
    from {{ ref('ai_meters') }}

),

-- a bit for each meter, so that the meters of a call are one number
meters as (

    select
        meter,
        pricing_block,
        cast(
            case meter_number
                {%- for number in range(62) %}
                when {{ number }} then {{ 2 ** number }}
                {%- endfor %}
            end as {{ whole_type() }}
        ) as meter_bit
    from numbered_meters

),

kinds_of_prices as (

    select
        min(currency) as first_currency,
        max(currency) as last_currency,
        coalesce(max(case when context_rule = 'slice' then 1 else 0 end), 0) as has_slices
    from asked_prices

),

-- from one moment at which a price begins or ends to the next
stretches as (

    select
        stretch_from,
        coalesce(lead(stretch_from) over (order by stretch_from), {{ end_of_time() }}) as stretch_to
    from (
        select {{ begin_of_time() }} as stretch_from
        union distinct
        select valid_from from asked_prices
        union distinct
        select valid_to from asked_prices
    ) as moments

),

{%- for band, rule, parts in [('contexts', 'cliff', 'context'), ('quantities', 'slice', 'quantity')] %}

{{ band }} as (

    select
        above as {{ parts }}_above,
        coalesce(lead(above) over (order by above), {{ no_context_limit() }}) as {{ parts }}_up_to
    from (
        select {{ lowest }} as above
        union distinct
        select context_tokens_gt from asked_prices where context_rule = '{{ rule }}'
        union distinct
        select context_tokens_up_to
        from asked_prices
        where
            context_rule = '{{ rule }}'
            and context_tokens_up_to < {{ no_context_limit() }}
    ) as edges

),
{%- endfor %}

part_time as (

    select distinct
        daily_window,
        daily_window_from,
        daily_window_to,
        weekdays
    from window_prices

    union all

    -- holds always, so that every slot has one
    select
        {{ null_text() }} as daily_window,
        cast(null as {{ whole_type() }}) as daily_window_from,
        cast(null as {{ whole_type() }}) as daily_window_to,
        {{ null_text() }} as weekdays

),

days as (

    {%- for day in range(1, 8) %}
    {{ 'union all' if not loop.first }}
    select cast({{ day }} as {{ whole_type() }}) as weekday
    {%- endfor %}

),

seconds as (

    select 0 as slot_from
    union distinct
    select daily_window_from as slot_from from part_time where daily_window_from is not null
    union distinct
    select daily_window_to as slot_from from part_time where daily_window_to < 86400

),

-- the hours of the week between which no price changes
slots as (

    select
        days.weekday,
        seconds.slot_from,
        coalesce(lead(seconds.slot_from) over (partition by days.weekday order by seconds.slot_from), 86400) as slot_to
    from days
    cross join seconds

),

slots_with_windows as (

    select
        slots.weekday,
        slots.slot_from,
        slots.slot_to,
        {{ dbt.listagg(
            "concat(coalesce(part_time.daily_window, ''), '/', coalesce(part_time.weekdays, ''))", "' '",
            "order by part_time.daily_window, part_time.weekdays"
        ) }} as windows
    from slots
    inner join part_time
        on
            slots.slot_from >= coalesce(part_time.daily_window_from, 0)
            and slots.slot_from < coalesce(part_time.daily_window_to, 86400)
            and (
                part_time.weekdays is null
                or {{ dbt.position('cast(slots.weekday as ' ~ text_type() ~ ')', 'part_time.weekdays') }} > 0
            )
    group by slots.weekday, slots.slot_from, slots.slot_to

),

-- of slots in which the same windows hold the first stands for all
alike_slots as (

    select
        weekday,
        slot_from,
        slot_to,
        first_value(slot_from) over (
            partition by coalesce(windows, '') order by weekday, slot_from
        ) as slot_second,
        first_value(weekday) over (partition by coalesce(windows, '') order by weekday, slot_from) as slot_weekday
    from slots_with_windows

),

charged_meters as (

    select
        usage_meters.*,
        {{ billing_period_start('usage_meters.charge_period_start') }} as usage_month,
        charged_calls.billing_currency,
        charged_calls.list_cost,
        meters.meter_bit
    from usage_meters
    inner join charged_calls
        on usage_meters.call_key = charged_calls.call_key
    inner join meters
        on usage_meters.meter = meters.meter
    left join held_calls
        on usage_meters.call_key = held_calls.call_key
    where held_calls.call_key is null

),

-- windows have the keys of the result, so that a filter by them is one of the usage that is read
calls_with_meters as (

    select
        *,
        cast(sum(meter_bit) over (partition by call_key, {{ month_and_sku | join(', ') }}) as {{ whole_type() }})
            as meters_code,
        min(meter_bit) over (partition by call_key, {{ month_and_sku | join(', ') }}) as first_meter_bit
    from charged_meters

),

placed as (

    select
        {%- for column in usage_key %}
        calls.{{ column }},
        {%- endfor %}
        calls.meter,
        calls.region_id,
        calls.charge_period_start,
        greatest(coalesce(calls.context_tokens, 0), 1) as context_tokens,
        calls.context_tokens is null as is_of_many_requests,
        calls.consumed_quantity,
        -- what is said of a call stands on one of its meters; a bucket is no call
        case when calls.meter_bit = calls.first_meter_bit then 1 else 0 end as is_first_meter,
        case
            when calls.meter_bit = calls.first_meter_bit and coalesce(calls.record_grain, 'call') <> 'bucket' then 1
            else 0
        end as calls,
        calls.prompt_tokens + calls.completion_tokens as tokens,
        calls.list_cost,
        -- the day of a rate, where a price is in another currency
        case
            when
                calls.billing_currency <> kinds_of_prices.first_currency
                or calls.billing_currency <> kinds_of_prices.last_currency
                then cast(calls.charge_period_start as date)
        end as rate_day,
        stretches.stretch_from,
        alike_slots.slot_second,
        alike_slots.slot_weekday,
        contexts.context_above,
        quantities.quantity_above,
        -- slices of a borrowed price begin where another meter ended: only equal quantities are summed then
        case when kinds_of_prices.has_slices = 1 then calls.preceding_quantity else 0 end as preceding_quantity,
        case when kinds_of_prices.has_slices = 1 and calls.preceding_quantity > 0 then calls.consumed_quantity end
            as quantity_after_another
    from calls_with_meters as calls
    cross join kinds_of_prices
    inner join alike_slots
        on
            calls.started_weekday = alike_slots.weekday
            and calls.started_second_of_day >= alike_slots.slot_from
            and calls.started_second_of_day < alike_slots.slot_to
    inner join contexts
        on
            greatest(coalesce(calls.context_tokens, 0), 1) > contexts.context_above
            and greatest(coalesce(calls.context_tokens, 0), 1) <= contexts.context_up_to
    inner join quantities
        on
            calls.consumed_quantity > quantities.quantity_above
            and calls.consumed_quantity <= quantities.quantity_up_to
    inner join stretches
        on
            (
                calls.charge_period_start >= stretches.stretch_from
                or stretches.stretch_from = {{ begin_of_time() }}
            )
            and calls.charge_period_start < stretches.stretch_to

),

summed as (

    select
        {{ summed_by | join(',\n        ') }},
        -- any moment, context and quantity of a sum stands for all of it
        min(charge_period_start) as charge_period_start,
        min(context_tokens) as context_tokens,
        min(consumed_quantity) as consumed_quantity,
        cast(sum(consumed_quantity) as {{ whole_type() }}) as whole_quantity,
        count(*) as meterings,
        sum(calls) as calls,
        sum(case when is_first_meter = 1 then tokens end) as tokens,
        sum(case when is_first_meter = 1 then list_cost end) as list_cost
    from placed
    group by
        {{ summed_by | join(',\n        ') }}

),

-- each sum as if the other model had served it
asked as (

    select
        {%- for column in usage_key %}
        summed.{{ column }} as used_{{ column }},
        {%- endfor %}
        summed.meter as used_meter,
        offers.other_service_tier,
        offers.other_meter is not null and offers.other_meter <> offers.meter as is_substituted,
        latest_snapshot.prices_as_of,
        offers.other_provider as provider,
        offers.other_model as model,
        offers.other_meter as meter,
        offers.other_service_tier as service_tier,
        summed.processing_mode,
        false as is_capacity_paid,
        summed.charge_period_start,
        summed.slot_second as started_second_of_day,
        summed.slot_weekday as started_weekday,
        case when not summed.is_of_many_requests then summed.context_tokens end as context_tokens,
        -- a region of one provider says nothing of the regions of another
        case when summed.provider = offers.other_provider then summed.region_id end as region_id,
        summed.consumed_quantity,
        summed.preceding_quantity,
        summed.whole_quantity,
        summed.meterings,
        summed.calls,
        summed.tokens,
        summed.list_cost
    from summed
    {{ join_one_row('latest_snapshot') }}
    inner join offers
        on
            summed.service_tier = offers.service_tier
            and summed.processing_mode = offers.processing_mode
            and summed.meter = offers.meter

),

fitting as (

    select
        asked.*,
        coalesce(window_prices.unit_price, all_day_prices.unit_price) as unit_price,
        coalesce(window_prices.currency, all_day_prices.currency) as currency,
        coalesce(window_prices.region_id, all_day_prices.region_id) as price_region_id,
        case
            when coalesce(window_prices.context_rule, all_day_prices.context_rule) = 'cliff' then asked.whole_quantity
            -- each of many requests is taken for a short one
            when asked.context_tokens is null then asked.whole_quantity
            when {{ quantity_before }} > 0
                then
                    asked.meterings * (
                        least(
                            {{ quantity_before }} + asked.consumed_quantity,
                            coalesce(window_prices.context_tokens_up_to, all_day_prices.context_tokens_up_to)
                        ) - greatest(
                            {{ quantity_before }},
                            coalesce(window_prices.context_tokens_gt, all_day_prices.context_tokens_gt)
                        )
                    )
            -- a slice that each of them fills, or in which each of them ends
            when
                asked.consumed_quantity
                > coalesce(window_prices.context_tokens_up_to, all_day_prices.context_tokens_up_to)
                then
                    asked.meterings * (
                        coalesce(window_prices.context_tokens_up_to, all_day_prices.context_tokens_up_to)
                        - coalesce(window_prices.context_tokens_gt, all_day_prices.context_tokens_gt)
                    )
            else
                asked.whole_quantity
                - asked.meterings * coalesce(window_prices.context_tokens_gt, all_day_prices.context_tokens_gt)
        end as priced_quantity,
        -- a part has as many rows as slices
        coalesce(window_prices.context_rule, all_day_prices.context_rule, '') = 'slice'
        and coalesce(window_prices.context_tokens_gt, all_day_prices.context_tokens_gt) > 0 as is_further_slice
    from asked
    {{ join_meter_prices('asked') | indent(4) }}

),

-- in the currency of the bill, converted as the price of the model that served is
converted as (

    select
        fitting.*,
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
        max(
            case
                when converted.price_region_id is null then 0
                when converted.region_id is null then 1
                when converted.price_region_id not in (converted.region_id, 'regional') then 1
                else 0
            end
        )
            as is_region_assumed,
        sum({{ multiply_price(
            'converted.list_unit_price',
            pricing_quantity('converted.priced_quantity', 'meters.pricing_block', 18)
        ) }}) as repriced_list_cost,
        sum(case when not converted.is_further_slice then converted.calls end) as calls,
        sum(case when not converted.is_further_slice then converted.tokens end) as tokens,
        sum(case when not converted.is_further_slice then converted.list_cost end) as list_cost
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
        max(is_region_assumed) as is_region_assumed,
        sum(calls) as calls,
        sum(tokens) as tokens,
        sum(list_cost) as list_cost,
        case when max(missing_meter) is null then sum(repriced_list_cost) end as repriced_list_cost
    from repriced_meters
    group by
        {{ row_key | join(',\n        ') }}

)

select
    {%- for column in month_and_sku %}
    repriced.{{ column }},
    {%- endfor %}
    {{ dbt.listagg('meters.meter', "', '", 'order by meters.meter') }} as meters,
    repriced.other_provider,
    repriced.other_model,
    max(repriced.other_service_tier) as other_service_tier,
    cast(max(repriced.calls) as {{ whole_type() }}) as calls,
    cast(max(repriced.tokens) as {{ whole_type() }}) as tokens,
    cast(max(repriced.list_cost) as {{ cost_type() }}) as list_cost,
    cast(max(repriced.repriced_list_cost) as {{ cost_type() }}) as repriced_list_cost,
    cast(max(repriced.repriced_list_cost) - max(repriced.list_cost) as {{ cost_type() }}) as list_cost_difference,
    nullif(max(repriced.missing_meters), '') as missing_meters,
    nullif(max(repriced.substituted_meters), '') as substituted_meters,
    max(repriced.is_region_assumed) = 1 as is_region_assumed
from repriced
inner join meters
    on mod(repriced.meters_code, 2 * meters.meter_bit) >= meters.meter_bit
group by
    {%- for column in row_key %}
    repriced.{{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
