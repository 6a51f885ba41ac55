{{ config(materialized='table') }}

{#- One row per call, booking and meter that has no price, or none in the currency of
    its bill, and why. One such meter holds its whole call back. -#}

-- hardly ever one; what a source states beside a price is in its own currency
with models_of_several_currencies as (

    select
        provider,
        model
    from {{ ref('int_meter_prices') }}
    group by provider, model
    having
        min(currency) <> max(currency)
        or min(currency) <> {{ stated_currency() }}

),

suspected as (

    select
        usage_priced.call_key,
        usage_priced.booking_number,
        usage_priced.is_current,
        usage_priced.prices_as_of,
        usage_priced.provider,
        usage_priced.model,
        usage_priced.meter,
        usage_priced.service_tier,
        usage_priced.processing_mode,
        usage_priced.region_id,
        usage_priced.is_capacity_paid,
        -- what the source itself says of the call is said of what stands for the whole of it
        case when usage_priced.meter = 'request' then usage_priced.source_hold_reason end as source_hold_reason,
        usage_priced.list_unit_price,
        usage_priced.pricing_currency_list_unit_price,
        min(usage_priced.currency) over (
            partition by usage_priced.call_key, usage_priced.booking_number
        ) as first_currency,
        max(usage_priced.currency) over (
            partition by usage_priced.call_key, usage_priced.booking_number
        ) as last_currency
    from {{ ref('int_usage_priced') }} as usage_priced
    left join models_of_several_currencies
        on
            usage_priced.provider = models_of_several_currencies.provider
            and usage_priced.model = models_of_several_currencies.model
    where
        usage_priced.list_unit_price is null
        or models_of_several_currencies.model is not null
        or (usage_priced.meter = 'request' and usage_priced.source_hold_reason is not null)

),

unpriced as (

    select * from suspected
    where
        list_unit_price is null
        or source_hold_reason is not null
        -- the costs of a call are in one currency, so that they can be added
        or first_currency <> last_currency

),

priced_skus as (

    select distinct
        prices_as_of,
        provider,
        model,
        meter,
        service_tier,
        processing_mode,
        region_id,
        is_region_assumed_if_unknown
    from {{ ref('int_meter_prices') }}

)

-- a price for another region is none for this call
select distinct
    unpriced.call_key,
    unpriced.booking_number,
    unpriced.is_current,
    unpriced.meter,
    case
        when unpriced.is_capacity_paid then 'capacity_paid'
        when unpriced.source_hold_reason = 'billed_elsewhere' then 'billed_elsewhere'
        when unpriced.model is null then 'unknown_model'
        when unpriced.source_hold_reason is not null then unpriced.source_hold_reason
        when unpriced.pricing_currency_list_unit_price is not null then 'no_exchange_rate'
        when priced_skus.meter is null then 'no_price_for_meter'
        else 'no_price_at_time'
    end as hold_reason
from unpriced
left join priced_skus
    on
        unpriced.prices_as_of = priced_skus.prices_as_of
        and unpriced.provider = priced_skus.provider
        and unpriced.model = priced_skus.model
        and unpriced.meter = priced_skus.meter
        and unpriced.service_tier = priced_skus.service_tier
        and unpriced.processing_mode = priced_skus.processing_mode
        and (
            priced_skus.region_id is null
            or unpriced.region_id = priced_skus.region_id
            or (priced_skus.region_id = 'regional' and unpriced.region_id <> 'global')
            or (
                priced_skus.is_region_assumed_if_unknown
                and (
                    unpriced.region_id is null
                    or (
                        priced_skus.region_id = 'us-east-1'
                        and unpriced.region_id not like '%-gov-%'
                        and unpriced.region_id not like 'cn-%'
                    )
                )
            )
        )
