{#- One row per call, booking, meter and slice of its quantity with the list and contracted unit price in force for it
    and what it costs at them, null where the price book has none. The one place where a price is chosen: by what was
    served, its tier, mode, context and region, by the start of the charge period, and by what was known of prices.
    Prices are in the currency of the bill, that of the account: a price in another one is converted at the rate of
    the day on which the charge period starts, and null where there is no rate. The table of usage that is written:
    charges, calls and findings are read from it. -#}
{{ config(physical_design('booked_in', 'charge_period_start')) }}
{{ config(priced_usage_config()) }}

{%- set of_the_delivery = [
    'source_name', 'call_key', 'record_grain', 'call_id', 'billing_account_id', 'billing_account_name',
    'account_currency',
    'sub_account_id', 'sub_account_name', 'allocation_rule', 'provider_as_sent', 'provider', 'model_as_sent', 'model', 'deployment',
    'service_tier', 'processing_mode', 'region_id', 'context_tokens', 'started_at', 'ended_at', 'charge_period_start',
    'charge_period_end', 'booking_number', 'booked_in', 'prices_as_of', 'is_current', 'is_cache_hit',
    'is_capacity_paid', 'source_hold_reason', 'tags_json', 'shared_tags_json',
] %}
{% if priced_usage_is_incremental() -%}
-- depends_on: {{ ref('int_charge_inputs') }}
{% endif %}
with usage_meters as (

    select * from {{ ref('int_usage_meters') }}

),

all_day_prices as (

    select * from {{ ref('int_meter_prices') }} where daily_window is null and weekdays is null

),

-- a price for some hours or days goes before the one of its key that always holds
window_prices as (

    select * from {{ ref('int_meter_prices') }} where daily_window is not null or weekdays is not null

),

contract_prices as (

    select * from {{ ref('int_contract_prices') }}

),

exchange_rates as (

    select * from {{ ref('int_exchange_rates_daily') }}

),

meters as (

    select * from {{ ref('ai_meters') }}

),

list_priced as (

    select
        usage_meters.*,
        case
            when usage_meters.stated_amount is null
                then coalesce(window_prices.meter_price_id, all_day_prices.meter_price_id)
            else {{ stated_price_id('usage_meters.provider', 'usage_meters.model', 'usage_meters.meter') }}
        end as meter_price_id,
        case
            when usage_meters.stated_amount is null then coalesce(window_prices.unit_price, all_day_prices.unit_price)
            -- of a model that nobody knows, and more than a unit price can be, is no price
            when
                usage_meters.model is not null
                and not usage_meters.is_capacity_paid
                and abs(usage_meters.stated_amount) < 99999999
                then cast(abs(usage_meters.stated_amount) as {{ price_type() }})
        end as pricing_currency_list_unit_price,
        case
            when usage_meters.stated_amount is null then coalesce(window_prices.currency, all_day_prices.currency)
            else {{ stated_currency() }}
        end as pricing_currency,
        case
            when coalesce(window_prices.context_rule, all_day_prices.context_rule) = 'slice'
                then nullif(coalesce(window_prices.context_tokens_gt, all_day_prices.context_tokens_gt), 0)
        end as slice_above,
        case
            when
                coalesce(window_prices.context_rule, all_day_prices.context_rule) = 'slice'
                and usage_meters.context_tokens is not null
                then coalesce(window_prices.context_tokens_up_to, all_day_prices.context_tokens_up_to)
        end as slice_up_to,
        {{ preceding_quantity('usage_meters', 'coalesce(window_prices.price_meter, all_day_prices.price_meter)') }}
            as quantity_before,
        case
            when usage_meters.is_capacity_paid then 'none'
            when usage_meters.stated_amount is not null then 'stated'
            -- a bucket has the price of its start, whatever it costs later in it
            when
                usage_meters.record_grain = 'bucket'
                and (
                    coalesce(window_prices.valid_to, all_day_prices.valid_to) < usage_meters.charge_period_end
                    or (
                        coalesce(window_prices.changes_within_a_week, all_day_prices.changes_within_a_week)
                        and usage_meters.started_second_of_day
                        + {{ dbt.datediff(
                            'usage_meters.charge_period_start', 'usage_meters.charge_period_end', 'second'
                        ) }}
                        > coalesce(window_prices.daily_window_to, 0)
                    )
                )
                then 'time_assumed'
            when coalesce(window_prices.region_id, all_day_prices.region_id) not in (usage_meters.region_id, 'regional')
                then 'region_assumed'
            when
                usage_meters.region_id is null
                and (
                    coalesce(window_prices.region_id, all_day_prices.region_id) is not null
                    -- a call without a region is one of no region, of a bucket nobody knows; but OpenAI's endpoint for
                    -- FedRAMP has accounts and reports of its own
                    or (
                        usage_meters.record_grain = 'bucket'
                        and nullif(
                            coalesce(window_prices.regions_priced_apart, all_day_prices.regions_priced_apart),
                            ',fedramp,'
                        ) is not null
                    )
                )
                then 'region_assumed'
            -- a batch's requests are each taken for short ones, and so are a bucket's
            when
                usage_meters.context_tokens is null
                and coalesce(window_prices.context_tokens_up_to, all_day_prices.context_tokens_up_to)
                < {{ no_context_limit() }}
                then 'context_assumed'
            else coalesce(window_prices.price_rule, all_day_prices.price_rule, 'none')
        end as price_rule
    from usage_meters
    {{ join_meter_prices('usage_meters') | indent(4) }}

),

sliced as (

    select
        list_priced.*,
        case
            when slice_up_to is not null
                then
                    least(quantity_before + consumed_quantity, slice_up_to)
                    - greatest(quantity_before, coalesce(slice_above, 0))
            else consumed_quantity
        end as priced_quantity
    from list_priced

),

contracted as (

    select
        sliced.*,
        cast(sliced.priced_quantity as {{ quantity_type() }}) as slice_quantity,
        {{ pricing_quantity('sliced.priced_quantity', 'cast(meters.pricing_block as ' ~ whole_type() ~ ')') }}
            as pricing_quantity,
        contract_prices.contract_price_id,
        coalesce(contract_prices.contracted_unit_price, sliced.pricing_currency_list_unit_price)
            as pricing_currency_contracted_unit_price,
        coalesce(sliced.account_currency, sliced.pricing_currency) as currency
    from sliced
    inner join meters
        on sliced.meter = meters.meter
    left join contract_prices
        on
            sliced.prices_as_of = contract_prices.prices_as_of
            and sliced.billing_account_id = contract_prices.billing_account_id
            and sliced.meter_price_id = contract_prices.meter_price_id
            and sliced.charge_period_start >= contract_prices.valid_from
            and sliced.charge_period_start < contract_prices.valid_to

),

-- null where there is no rate
converted as (

    select
        contracted.*,
        {%- for price in ['list_unit_price', 'contracted_unit_price'] %}
        case
            when contracted.currency = contracted.pricing_currency then contracted.pricing_currency_{{ price }}
            else {{ converted_price('contracted.pricing_currency_' ~ price, 'exchange_rates.exchange_rate') }}
        end as {{ price }},
        {%- endfor %}
        contracted.currency <> contracted.pricing_currency as is_converted
    from contracted
    left join exchange_rates
        on
            contracted.prices_as_of = exchange_rates.prices_as_of
            and contracted.pricing_currency = exchange_rates.from_currency
            and contracted.currency = exchange_rates.to_currency
            and cast(contracted.charge_period_start as date) = exchange_rates.rate_day

)

select
    {{ of_the_delivery | join(',\n    ') }},
    meter,
    slice_above,
    meter_price_id,
    contract_price_id,
    price_rule,
    slice_quantity as consumed_quantity,
    pricing_quantity,
    currency,
    list_unit_price,
    contracted_unit_price,
    {{ multiply_price('list_unit_price', 'pricing_quantity') }} as list_cost,
    {{ multiply_price('contracted_unit_price', 'pricing_quantity') }} as contracted_cost,
    -- only where the price is in another currency than the bill
    {%- for column in [
        'pricing_currency',
        'pricing_currency_list_unit_price',
        'pricing_currency_contracted_unit_price',
    ] %}
    case when is_converted then {{ column }} end as {{ column }},
    {%- endfor %}
    case
        when is_converted
            then {{ multiply_price('pricing_currency_contracted_unit_price', 'pricing_quantity') }}
    end as pricing_currency_contracted_cost
from converted
