{{ config(materialized='table') }}

{#- What a FOCUS row says of its SKU: names and details, the same for every call at one price. -#}

with meters as (

    select * from {{ ref('ai_meters') }}

),

models as (

    select * from {{ ref('stg_pricing__models') }}

),

meter_prices as (

    -- a price is the same in every version of the book that has it
    select distinct
        meter_price_id,
        price_id,
        provider,
        model,
        meter,
        service_tier,
        processing_mode,
        context_tokens_gt,
        region_id,
        -- as FOCUS 1.5 drafts it; what no word of a price list tells stays unclassified
        case
            when region_scope = 'global' then 'Global'
            when region_scope in ('us', 'eu') or region_scope like '%(geo)' or region_scope like '%(data zone)'
                then 'DataZone'
            when region_scope = 'regional' or region_scope like 'in-region%' then 'Regional'
        end as serving_scope,
        daily_window,
        weekdays,
        price_date_basis,
        price_rule
    from {{ ref('int_meter_prices') }}

    union all

    -- an amount that a source states is its own price
    select
        {{ stated_price_id('models.provider', 'models.model', 'meters.meter') }} as meter_price_id,
        {{ null_text() }} as price_id,
        models.provider,
        models.model,
        meters.meter,
        {{ null_text() }} as service_tier,
        {{ null_text() }} as processing_mode,
        cast(null as {{ whole_type() }}) as context_tokens_gt,
        {{ null_text() }} as region_id,
        {{ null_text() }} as serving_scope,
        {{ null_text() }} as daily_window,
        {{ null_text() }} as weekdays,
        'stated' as price_date_basis,
        'stated' as price_rule
    from models
    cross join meters
    where meters.meter in ({{ stated_meter_list() }})

),

providers as (

    select * from {{ ref('stg_pricing__providers') }}

)

select
    meter_prices.meter_price_id,
    meter_prices.price_id,
    meter_prices.provider,
    meter_prices.model,
    meter_prices.meter,
    providers.service_provider_name,
    providers.host_provider_name,
    providers.invoice_issuer_name,
    providers.invoice_issuer_legal_name,
    models.model_developer,
    {% if var('service_name') == 'model' -%}
    meter_prices.model as service_name,
    {%- else -%}
    providers.service_name,
    {%- endif %}
    meter_prices.provider || '/' || meter_prices.model || '/' || meter_prices.meter as sku_id,
    meters.sku_meter,
    meter_prices.provider || '/' || meter_prices.model || '/' || meter_prices.meter
    || '/' || coalesce(meter_prices.service_tier || '-' || meter_prices.processing_mode, 'stated')
    || case
        when meter_prices.context_tokens_gt > 0
            then '-above-' || cast(meter_prices.context_tokens_gt as {{ text_type() }})
        else ''
    end
    || coalesce('-' || meter_prices.region_id, '')
    || coalesce('-' || replace(replace(meter_prices.daily_window, ':', ''), '-', 'to'), '')
    || coalesce('-weekdays' || meter_prices.weekdays, '') as sku_price_id,
    {{ json_object([
        json_member('x_CacheTtl', "nullif(meters.cache_ttl, '')"),
        "case when meter_prices.context_tokens_gt > 0 then ',\"x_ContextTokensAbove\":' || cast(meter_prices.context_tokens_gt as "
        ~ text_type() ~ ") else '' end",
        json_member('x_DailyWindow', 'meter_prices.daily_window'),
        json_member('x_Modality', "nullif(meters.modality, '')"),
        json_member('x_ModelDeveloper', "nullif(models.model_developer, '')"),
        json_member('x_ModelFamily', "nullif(models.model_family, '')"),
        json_member('x_ModelId', 'meter_prices.model'),
        json_member('x_ModelVersion', "nullif(models.model_version, '')"),
        json_member('x_ProcessingMode', 'meter_prices.processing_mode'),
        json_member('x_ServiceTier', 'meter_prices.service_tier'),
        json_member('x_ServingScope', 'meter_prices.serving_scope'),
        json_member('x_TokenCacheAction', "nullif(meters.token_cache_action, '')"),
        json_member('x_TokenDirection', "nullif(meters.token_direction, '')"),
        json_member('x_Weekdays', 'meter_prices.weekdays'),
    ]) }} as sku_price_details_json,
    meters.consumed_unit,
    meters.pricing_unit,
    meter_prices.model || ' ' || meters.sku_meter
    || case when meter_prices.processing_mode = 'batch' then ', batch' else '' end
    || case when meter_prices.service_tier <> 'standard' then ', ' || meter_prices.service_tier || ' tier' else '' end
    || case
        when meter_prices.context_tokens_gt > 0
            then ', context above ' || cast(meter_prices.context_tokens_gt as {{ text_type() }}) || ' tokens'
        else ''
    end
    || coalesce(', ' || meter_prices.daily_window || ' UTC', '')
    || coalesce(', weekdays ' || meter_prices.weekdays, '') as charge_description,
    meter_prices.price_date_basis,
    meter_prices.price_rule
from meter_prices
inner join meters
    on meter_prices.meter = meters.meter
inner join models
    on
        meter_prices.provider = models.provider
        and meter_prices.model = models.model
inner join providers
    on meter_prices.provider = providers.provider
