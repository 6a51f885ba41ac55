{#- Two prices of one key differ in time only, and in whether somebody's own takes the place of the book's. -#}
{%- set key = 'provider, model, meter, service_tier, processing_mode, context_tokens_gt, region_id, daily_window,'
    ~ ' weekdays, is_own' -%}
{#- What an own price takes the place of: all context bands at its hours; a price that a factor makes, at any. -#}
{%- set sku = ['prices_as_of', 'provider', 'model', 'meter', 'service_tier', 'processing_mode', 'region_id'] -%}
{%- set nullable = ['region_id', 'daily_window', 'weekdays'] -%}
{#- An own factor takes the place of the one that makes the same price. -#}
{%- set made = ['prices_as_of', 'provider', 'model', 'region_id', 'service_tier', 'processing_mode'] -%}
{%- set taken = {'hours': sku + ['daily_window', 'weekdays'], 'sku': sku, 'factor': made} -%}

with list_prices as (

    select
        *,
        case when price_origin = 'list_prices' then 1 else 0 end as is_own
    from {{ ref('stg_pricing__list_prices') }}

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
            order by
                list_prices.recorded_at desc,
                case when list_prices.price_origin = 'price_book' then 0 else 1 end,
                list_prices.price_id desc
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

timelines as (

    select
        prices_as_of,
        price_id,
        is_own,
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

-- a factor for no mode in particular is for each
modes as (

    select cast('realtime' as {{ text_type() }}) as processing_mode
    union all
    select cast('batch' as {{ text_type() }}) as processing_mode

),

known_factors as (

    select
        price_snapshots.prices_as_of,
        multipliers.multiplier_id,
        multipliers.provider,
        multipliers.model,
        multipliers.factor,
        multipliers.price_rule,
        multipliers.region_id,
        multipliers.region_scope,
        multipliers.service_tier,
        modes.processing_mode,
        multipliers.base_service_tier,
        multipliers.valid_from,
        multipliers.valid_to,
        multipliers.known_from,
        case when multipliers.is_own = 1 then 1 else 0 end as is_own
    from price_snapshots
    inner join multipliers
        on price_snapshots.prices_as_of >= multipliers.known_from
    inner join modes
        on coalesce(multipliers.processing_mode, modes.processing_mode) = modes.processing_mode

),

corrected_factors as (

    select
        *,
        row_number() over (
            partition by {{ made | join(', ') }}, is_own, valid_from
            order by known_from desc, multiplier_id
        ) as correction_rank
    from known_factors

),

-- an own one ends where the next begins; those of the seed say their ends
factors as (

    select
        *,
        case
            when is_own = 1
                then lead(valid_from) over (partition by {{ made | join(', ') }}, is_own order by valid_from)
        end as next_valid_from
    from corrected_factors
    where
        is_own = 0
        or (correction_rank = 1 and valid_from < valid_to)

),

dated_factors as (

    select
        prices_as_of,
        multiplier_id,
        provider,
        model,
        factor,
        price_rule,
        region_id,
        region_scope,
        service_tier,
        processing_mode,
        base_service_tier,
        valid_from,
        least(valid_to, coalesce(next_valid_from, {{ end_of_time() }})) as valid_to,
        is_own
    from factors

),

{%- for name, columns in taken.items() %}

own_{{ name }} as (

    select
        {{ columns | join(', ') }},
        valid_from,
        valid_to,
        max(valid_to) over (
            partition by {{ columns | join(', ') }}
            order by valid_from, valid_to
            rows between unbounded preceding and 1 preceding
        ) as taken_before
    from {{ 'dated_factors' if name == 'factor' else 'timelines' }}
    where is_own = 1

),

-- what own prices leave of a time line: before the first, between two, after the last
left_{{ name }} as (

    select
        {{ columns | join(', ') }},
        coalesce(taken_before, {{ begin_of_time() }}) as left_from,
        valid_from as left_to
    from own_{{ name }}

    union all

    select
        {{ columns | join(', ') }},
        max(valid_to) as left_from,
        {{ end_of_time() }} as left_to
    from own_{{ name }}
    group by {{ columns | join(', ') }}

),
{%- endfor %}

in_force as (

    select
        timelines.prices_as_of,
        timelines.price_id,
        timelines.provider,
        timelines.model,
        timelines.meter,
        timelines.unit_price,
        timelines.currency,
        timelines.service_tier,
        timelines.processing_mode,
        timelines.context_tokens_gt,
        timelines.context_rule,
        timelines.region_id,
        timelines.region_scope,
        timelines.daily_window,
        timelines.daily_window_from,
        timelines.daily_window_to,
        timelines.weekdays,
        {{ left_window('timelines', 'left_hours') }},
        timelines.price_date_basis,
        timelines.price_rule
    from timelines
    left join left_hours
        on
            timelines.is_own = 0
            {%- for column in taken.hours %}
            {%- if column in nullable %}
            and coalesce(timelines.{{ column }}, '') = coalesce(left_hours.{{ column }}, '')
            {%- else %}
            and timelines.{{ column }} = left_hours.{{ column }}
            {%- endif %}
            {%- endfor %}
    where {{ is_left('timelines', 'left_hours') }}

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
    from timelines
    where is_own = 0
    group by prices_as_of, provider, model, meter, service_tier, processing_mode, coalesce(region_id, '')

),

factors_in_force as (

    select
        dated_factors.prices_as_of,
        dated_factors.multiplier_id,
        dated_factors.provider,
        dated_factors.model,
        dated_factors.factor,
        dated_factors.price_rule,
        dated_factors.region_id,
        dated_factors.region_scope,
        dated_factors.service_tier,
        dated_factors.processing_mode,
        dated_factors.base_service_tier,
        {{ left_window('dated_factors', 'left_factor') }}
    from dated_factors
    left join left_factor
        on
            dated_factors.is_own = 0
            and coalesce(dated_factors.region_id, '') = coalesce(left_factor.region_id, '')
            {%- for column in taken.factor if column not in nullable %}
            and dated_factors.{{ column }} = left_factor.{{ column }}
            {%- endfor %}
    where {{ is_left('dated_factors', 'left_factor') }}

),

-- a factor makes prices of a region or tier that has none of its own; it is put on token prices only
multiplied as (

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
    inner join factors_in_force as multipliers
        on
            in_force.prices_as_of = multipliers.prices_as_of
            and in_force.provider = multipliers.provider
            and in_force.model = multipliers.model
            and in_force.service_tier = multipliers.base_service_tier
            and in_force.processing_mode = multipliers.processing_mode
            and in_force.region_id is null
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

),

derived as (

    select
        multiplied.prices_as_of,
        multiplied.price_id,
        multiplied.provider,
        multiplied.model,
        multiplied.meter,
        multiplied.unit_price,
        multiplied.currency,
        multiplied.service_tier,
        multiplied.processing_mode,
        multiplied.context_tokens_gt,
        multiplied.context_rule,
        multiplied.region_id,
        multiplied.region_scope,
        multiplied.daily_window,
        multiplied.daily_window_from,
        multiplied.daily_window_to,
        multiplied.weekdays,
        {{ left_window('multiplied', 'left_sku') }},
        multiplied.price_date_basis,
        multiplied.price_rule
    from multiplied
    left join left_sku
        on
            coalesce(multiplied.region_id, '') = coalesce(left_sku.region_id, '')
            {%- for column in taken.sku if column not in nullable %}
            and multiplied.{{ column }} = left_sku.{{ column }}
            {%- endfor %}
    where {{ is_left('multiplied', 'left_sku') }}

)

select * from in_force
union all
select * from derived
