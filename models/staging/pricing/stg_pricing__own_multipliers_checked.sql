{{ config(materialized='table') }}

{#- Rows of raw/price_multipliers, each with its first fault. -#}
{%- set key = [
    'known_provider', 'known_model', 'known_region', 'known_tier', 'known_mode', 'starts_at', 'known_from',
] -%}

with own_rows as (

    select * from {{ raw('price_multipliers') }} as raw_rows

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

),

-- a name that differs from one of the book in its letters' case only is that one
models as (

    select
        provider,
        lower(model) as model_name,
        min(model) as model
    from {{ ref('stg_pricing__models') }}
    group by provider, lower(model)

),

closed as (

    {{ closed_stretches() | indent(4) }}

),

typed as (

    select
        own_rows.*,
        provider_aliases.provider as known_provider,
        models.model as known_model,
        case
            when {{ matches('own_rows.factor', '[0-9]{1,2}([.][0-9]{0,8}0*)?') }}
                then {{ try_decimal('own_rows.factor', 10, 8) }}
        end as known_factor,
        lower(own_rows.region_id) as known_region,
        {{ service_tier_of('own_rows.service_tier') }} as known_tier,
        {{ service_tier_of('own_rows.base_service_tier') }} as known_base_tier,
        lower(own_rows.processing_mode) as known_mode,
        {{ to_utc_timestamp('own_rows.valid_from') }} as starts_at,
        {{ to_utc_timestamp('own_rows.valid_to') }} as ends_at,
        case
            when own_rows.recorded_at is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('own_rows.recorded_at') }}
        end as known_from,
        closed.closed_from,
        closed.closed_until
    from own_rows
    left join provider_aliases
        on lower(own_rows.provider) = provider_aliases.alias
    left join models
        on
            provider_aliases.provider = models.provider
            and lower(own_rows.model) = models.model_name
    left join closed
        on provider_aliases.provider = closed.provider

),

checked as (

    select
        *,
        {{ hash_of(['known_base_tier', 'region_scope', 'price_rule', timestamp_text('ends_at')]) }} as content_hash,
        {{ first_fault([
            ['provider', 'provider', 'provider is null', 'is empty'],
            ['provider', 'provider', 'known_provider is null',
             'is no provider: give it a row in raw/providers, or its spelling one in raw/provider_aliases'],
            ['model', 'model', 'model is null', 'is empty'],
            ['model', 'model', 'known_model is null',
             'is no model of the price book at that provider: write one as the book does, or give it a price in'
             ~ ' raw/list_prices'],
            ['factor', 'factor', 'known_factor is null or known_factor = 0',
             'is no factor above 0 and below 100 with 8 decimals at most'],
            ['service_tier', "coalesce(service_tier, 'standard')",
             'known_region is null and known_tier = known_base_tier',
             'is the tier that it is put on: give a region_id or another service_tier'],
            ['processing_mode', 'processing_mode', "known_mode not in ('realtime', 'batch')",
             'is neither realtime nor batch'],
            ['price_rule', 'price_rule', "lower(price_rule) not in ('uplift', 'derived')",
             'is neither uplift nor derived'],
            ['valid_from', 'valid_from', 'valid_from is not null and starts_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'valid_to is not null and ends_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'ends_at < coalesce(starts_at, ' ~ begin_of_time() ~ ')',
             'lies before valid_from'],
            ['recorded_at', 'recorded_at', 'known_from is null', 'is no date and time'],
            ['recorded_at', "coalesce(recorded_at, '')",
             'recorded_at is null and coalesce(starts_at, ' ~ begin_of_time() ~ ') < closed_until'
             ~ ' and coalesce(ends_at, ' ~ end_of_time() ~ ') > closed_from',
             'is needed: the factor reaches into a month that is closed, which keeps what was known then'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('known_factor', key) }} or {{ contradicts('content_hash', key) }} as is_contradicted
    from checked

)

select
    cast('price_multipliers' as {{ text_type() }}) as raw_table,
    provider,
    model,
    known_provider,
    known_model,
    known_factor,
    coalesce(lower(price_rule), case when known_region is null then 'derived' else 'uplift' end) as price_rule,
    known_region,
    region_scope,
    known_tier,
    known_base_tier,
    known_mode,
    starts_at,
    ends_at,
    known_from,
    {{ fault_or_contradiction(
        'factor', 'is another one than in a second row of the same model, region, tier, day and recorded_at'
    ) }},
    _file,
    _line
from compared
