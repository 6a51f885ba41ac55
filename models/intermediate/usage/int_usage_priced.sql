{#- One row per call and meter with the list and contracted unit price in force for it, both null
    where the price book has none. The one place where a price is chosen: by what was served, its
    tier, mode, context and region, and by the start of the charge period. -#}

with usage_meters as (

    select * from {{ ref('int_usage_meters') }}

),

all_day_prices as (

    select * from {{ ref('int_meter_prices') }} where daily_window is null

),

-- a price for some hours of the day goes before the all-day price of its key
window_prices as (

    select * from {{ ref('int_meter_prices') }} where daily_window is not null

),

contract_prices as (

    select * from {{ ref('int_contract_prices') }}

),

meters as (

    select * from {{ ref('meters') }}

),

list_priced as (

    select
        usage_meters.*,
        coalesce(window_prices.meter_price_id, all_day_prices.meter_price_id) as meter_price_id,
        coalesce(window_prices.price_id, all_day_prices.price_id) as price_id,
        coalesce(window_prices.unit_price, all_day_prices.unit_price) as list_unit_price,
        coalesce(window_prices.currency, all_day_prices.currency) as currency,
        case
            when usage_meters.is_capacity_paid then 'none'
            when all_day_prices.region_id is not null and usage_meters.region_id is null then 'region_assumed'
            -- a batch's requests are each taken for short ones
            when
                usage_meters.context_tokens is null
                and all_day_prices.context_tokens_up_to < {{ no_context_limit() }}
                then 'context_assumed'
            else coalesce(window_prices.price_rule, all_day_prices.price_rule, 'none')
        end as price_rule,
        coalesce(window_prices.price_date_basis, all_day_prices.price_date_basis) as price_date_basis
    from usage_meters
    left join all_day_prices
        on
            usage_meters.provider = all_day_prices.provider
            and usage_meters.model = all_day_prices.model
            and usage_meters.meter = all_day_prices.meter
            and usage_meters.service_tier = all_day_prices.service_tier
            and usage_meters.processing_mode = all_day_prices.processing_mode
            and not usage_meters.is_capacity_paid
            and (
                all_day_prices.region_id is null
                or usage_meters.region_id is null
                or usage_meters.region_id = all_day_prices.region_id
            )
            and usage_meters.charge_period_start >= all_day_prices.valid_from
            and usage_meters.charge_period_start < all_day_prices.valid_to
            and greatest(coalesce(usage_meters.context_tokens, 0), 1) > all_day_prices.context_tokens_gt
            and greatest(coalesce(usage_meters.context_tokens, 0), 1) <= all_day_prices.context_tokens_up_to
    left join window_prices
        on
            usage_meters.provider = window_prices.provider
            and usage_meters.model = window_prices.model
            and usage_meters.meter = window_prices.meter
            and usage_meters.service_tier = window_prices.service_tier
            and usage_meters.processing_mode = window_prices.processing_mode
            and not usage_meters.is_capacity_paid
            and (
                window_prices.region_id is null
                or usage_meters.region_id is null
                or usage_meters.region_id = window_prices.region_id
            )
            and usage_meters.charge_period_start >= window_prices.valid_from
            and usage_meters.charge_period_start < window_prices.valid_to
            and greatest(coalesce(usage_meters.context_tokens, 0), 1) > window_prices.context_tokens_gt
            and greatest(coalesce(usage_meters.context_tokens, 0), 1) <= window_prices.context_tokens_up_to
            and usage_meters.started_second_of_day >= window_prices.daily_window_from
            and usage_meters.started_second_of_day < window_prices.daily_window_to

)

select
    list_priced.*,
    cast(list_priced.consumed_quantity as {{ quantity_type() }}) as consumed_units,
    {{ pricing_quantity('list_priced.consumed_quantity', 'cast(meters.pricing_block as ' ~ whole_type() ~ ')') }}
        as pricing_quantity,
    contract_prices.contract_price_id,
    coalesce(contract_prices.contracted_unit_price, list_priced.list_unit_price) as contracted_unit_price
from list_priced
inner join meters
    on list_priced.meter = meters.meter
left join contract_prices
    on
        list_priced.billing_account_id = contract_prices.billing_account_id
        and list_priced.meter_price_id = contract_prices.meter_price_id
        and list_priced.charge_period_start >= contract_prices.valid_from
        and list_priced.charge_period_start < contract_prices.valid_to
