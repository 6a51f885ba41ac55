{#- As what a model would take usage that any model served: at its own price of the meter, else at that
    of a substitute; in its own service tier, else in the standard one. No price is chosen here. -#}
{%- set models = reprice_models() %}

with meter_prices as (

    select *
    from {{ ref('int_meter_prices') }}
    where prices_as_of = (select max(prices_as_of) from {{ ref('int_meter_prices') }})

),

meter_substitutes as (

    select
        meter,
        price_meter,
        cast(substitute_rank as {{ whole_type() }}) as substitute_rank
    from {{ ref('ai_meter_substitutes') }}

),

models as (

    {% for provider, model in models -%}
    {{ 'union all' if not loop.first }}
    select
        cast({{ sql_text(provider) }} as {{ text_type() }}) as provider,
        cast({{ sql_text(model) }} as {{ text_type() }}) as model
    {% else -%}
    select distinct
        sku_prices.provider,
        sku_prices.model
    from {{ ref('int_charges') }} as charges
    inner join {{ ref('int_sku_prices') }} as sku_prices
        on charges.meter_price_id = sku_prices.meter_price_id
    {%- endfor %}

),

asked_tiers as (

    select distinct
        service_tier,
        processing_mode
    from meter_prices

),

sold_tiers as (

    select distinct
        provider,
        model,
        service_tier,
        processing_mode
    from meter_prices

),

-- per model, not per meter, so that no call is priced half in one tier and half in another
offered_tiers as (

    select
        models.provider,
        models.model,
        asked_tiers.service_tier,
        asked_tiers.processing_mode,
        coalesce(sold_tiers.service_tier, standard_tiers.service_tier) as other_service_tier
    from models
    cross join asked_tiers
    left join sold_tiers
        on
            models.provider = sold_tiers.provider
            and models.model = sold_tiers.model
            and asked_tiers.service_tier = sold_tiers.service_tier
            and asked_tiers.processing_mode = sold_tiers.processing_mode
    left join sold_tiers as standard_tiers
        on
            models.provider = standard_tiers.provider
            and models.model = standard_tiers.model
            and standard_tiers.service_tier = 'standard'
            and asked_tiers.processing_mode = standard_tiers.processing_mode

),

-- a meter that has prices of its own never borrows, whenever they hold
best_substitutes as (

    select
        meter_prices.provider,
        meter_prices.model,
        meter_prices.service_tier,
        meter_prices.processing_mode,
        meter_substitutes.meter,
        min(meter_substitutes.substitute_rank) as substitute_rank
    from meter_prices
    inner join meter_substitutes
        on meter_prices.meter = meter_substitutes.price_meter
    group by
        meter_prices.provider,
        meter_prices.model,
        meter_prices.service_tier,
        meter_prices.processing_mode,
        meter_substitutes.meter

),

used_meters as (

    select distinct meter from meter_substitutes

)

select
    offered_tiers.provider as other_provider,
    offered_tiers.model as other_model,
    offered_tiers.service_tier,
    offered_tiers.processing_mode,
    used_meters.meter,
    offered_tiers.other_service_tier,
    meter_substitutes.price_meter as other_meter
from offered_tiers
cross join used_meters
left join best_substitutes
    on
        offered_tiers.provider = best_substitutes.provider
        and offered_tiers.model = best_substitutes.model
        and offered_tiers.other_service_tier = best_substitutes.service_tier
        and offered_tiers.processing_mode = best_substitutes.processing_mode
        and used_meters.meter = best_substitutes.meter
left join meter_substitutes
    on
        best_substitutes.meter = meter_substitutes.meter
        and best_substitutes.substitute_rank = meter_substitutes.substitute_rank
