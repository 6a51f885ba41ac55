{#- Two prices of one key differ in time only. -#}
{%- set key = 'provider, model, meter, service_tier, processing_mode, context_tokens_gt, region_id, daily_window,'
    ~ ' weekdays' -%}

with list_prices as (

    select * from {{ ref('stg_pricing__list_prices') }}

),

multipliers as (

    select * from {{ ref('stg_pricing__price_multipliers') }}

),

meters as (

    select * from {{ ref('ai_meters') }}

),

price_snapshots as (

    select distinct prices_as_of from {{ ref('int_price_snapshots') }}

),

-- a row with the key and the first day of an older one corrects it
known as (

    select
        price_snapshots.prices_as_of,
        list_prices.*,
        row_number() over (
            partition by price_snapshots.prices_as_of, {{ key }}, list_prices.valid_from
            order by list_prices.recorded_at desc, list_prices.price_id desc
        ) as correction_rank
    from price_snapshots
    inner join list_prices
        on price_snapshots.prices_as_of >= list_prices.known_from

),

dated as (

    select
        *,
        row_number() over (partition by prices_as_of, {{ key }} order by valid_from nulls first) as price_number,
        lead(valid_from) over (partition by prices_as_of, {{ key }} order by valid_from nulls first)
            as next_valid_from
    from known
    where
        correction_rank = 1
        -- a correction that ends where it begins withdraws the price
        and coalesce(valid_to <> coalesce(valid_from, {{ begin_of_time() }}), true)

),

in_force as (

    select
        prices_as_of,
        price_id,
        provider,
        model,
        meter,
        unit_price,
        currency,
        service_tier,
        processing_mode,
        context_tokens_gt,
        context_rule,
        region_id,
        region_scope,
        daily_window,
        daily_window_from,
        daily_window_to,
        weekdays,
        -- a date that is unknown, or only tells when the price was seen, does not begin the price's life
        case
            when valid_from is null or (price_number = 1 and price_date_basis = 'verified_on')
                then {{ begin_of_time() }}
            else valid_from
        end as valid_from,
        least(coalesce(valid_to, {{ end_of_time() }}), coalesce(next_valid_from, {{ end_of_time() }})) as valid_to,
        price_date_basis,
        'exact' as price_rule
    from dated

),

listed_skus as (

    select
        prices_as_of,
        provider,
        model,
        meter,
        service_tier,
        processing_mode,
        coalesce(region_id, '') as region_id,
        min(valid_from) as valid_from
    from in_force
    group by 1, 2, 3, 4, 5, 6, 7

),

-- a factor makes prices of a region or tier that has none of its own; it is put on token prices only
derived as (

    select
        in_force.prices_as_of,
        in_force.price_id || '*' || multipliers.multiplier_id as price_id,
        in_force.provider,
        in_force.model,
        in_force.meter,
        {{ multiplied_price('in_force.unit_price', 'multipliers.factor') }} as unit_price,
        in_force.currency,
        multipliers.service_tier,
        in_force.processing_mode,
        in_force.context_tokens_gt,
        in_force.context_rule,
        multipliers.region_id,
        multipliers.region_scope,
        in_force.daily_window,
        in_force.daily_window_from,
        in_force.daily_window_to,
        in_force.weekdays,
        greatest(in_force.valid_from, multipliers.valid_from) as valid_from,
        least(
            in_force.valid_to, multipliers.valid_to, coalesce(listed_skus.valid_from, {{ end_of_time() }})
        ) as valid_to,
        in_force.price_date_basis,
        multipliers.price_rule
    from in_force
    inner join multipliers
        on
            in_force.provider = multipliers.provider
            and in_force.model = multipliers.model
            and in_force.service_tier = multipliers.base_service_tier
            and coalesce(multipliers.processing_mode, in_force.processing_mode) = in_force.processing_mode
            and in_force.region_id is null
            and in_force.prices_as_of >= multipliers.known_from
            and in_force.valid_from < multipliers.valid_to
            and in_force.valid_to > multipliers.valid_from
    inner join meters
        on in_force.meter = meters.meter
    left join listed_skus
        on
            in_force.prices_as_of = listed_skus.prices_as_of
            and in_force.provider = listed_skus.provider
            and in_force.model = listed_skus.model
            and in_force.meter = listed_skus.meter
            and multipliers.service_tier = listed_skus.service_tier
            and in_force.processing_mode = listed_skus.processing_mode
            and coalesce(multipliers.region_id, '') = listed_skus.region_id
    where
        meters.consumed_unit = 'Tokens'
        and (
            listed_skus.valid_from is null
            or greatest(in_force.valid_from, multipliers.valid_from) < listed_skus.valid_from
        )

)

select * from in_force
union all
select * from derived
