{{ config(materialized='table') }}

with list_prices as (

    select * from {{ ref('int_list_prices') }}

),

meter_fallbacks as (

    select * from {{ ref('meter_fallbacks') }}

),

-- a price above a context threshold ends where the next threshold of its key begins
banded as (

    select
        price.book_version,
        price.price_id,
        price.provider,
        price.model,
        price.meter,
        price.unit_price,
        price.currency,
        price.service_tier,
        price.processing_mode,
        price.context_tokens_gt,
        price.context_rule,
        price.region_id,
        price.region_scope,
        price.daily_window,
        price.daily_window_from,
        price.daily_window_to,
        price.weekdays,
        price.valid_from,
        price.valid_to,
        price.price_date_basis,
        price.price_rule,
        min(above.context_tokens_gt) as context_tokens_up_to
    from list_prices as price
    left join list_prices as above
        on
            price.book_version = above.book_version
            and price.provider = above.provider
            and price.model = above.model
            and price.meter = above.meter
            and price.service_tier = above.service_tier
            and price.processing_mode = above.processing_mode
            and coalesce(price.region_id, '') = coalesce(above.region_id, '')
            and coalesce(price.daily_window, '') = coalesce(above.daily_window, '')
            and coalesce(price.weekdays, '') = coalesce(above.weekdays, '')
            and price.context_tokens_gt < above.context_tokens_gt
            and price.valid_from < above.valid_to
            and price.valid_to > above.valid_from
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21

),

-- the fallback is chosen per SKU, not per call: a meter that has prices of its own never borrows
first_fallbacks as (

    select
        banded.book_version,
        banded.provider,
        banded.model,
        banded.service_tier,
        banded.processing_mode,
        meter_fallbacks.meter,
        min(cast(meter_fallbacks.fallback_rank as {{ whole_type() }})) as fallback_rank
    from banded
    inner join meter_fallbacks
        on banded.meter = meter_fallbacks.price_meter
    group by 1, 2, 3, 4, 5, 6

),

metered as (

    select
        banded.*,
        meter_fallbacks.meter as priced_meter,
        -- where two rules lead to a price, the row says the one that assumes more
        case when meter_fallbacks.price_rule = 'exact' then banded.price_rule else meter_fallbacks.price_rule end
            as rule_of_meter
    from banded
    inner join meter_fallbacks
        on banded.meter = meter_fallbacks.price_meter
    inner join first_fallbacks
        on
            banded.book_version = first_fallbacks.book_version
            and banded.provider = first_fallbacks.provider
            and banded.model = first_fallbacks.model
            and banded.service_tier = first_fallbacks.service_tier
            and banded.processing_mode = first_fallbacks.processing_mode
            and meter_fallbacks.meter = first_fallbacks.meter
            and cast(meter_fallbacks.fallback_rank as {{ whole_type() }}) = first_fallbacks.fallback_rank

),

-- the regions of a SKU that have prices of their own, as ',eu,us,'; regional is any region at all
regions_apart as (

    select
        book_version,
        provider,
        model,
        priced_meter,
        service_tier,
        processing_mode,
        max(case when region_id is null then 1 else 0 end) as holds_everywhere,
        max(case when region_id = 'regional' then 1 else 0 end) as is_regional_apart,
        ',' || {{ dbt.listagg('region_id', "','") }} || ',' as regions_priced_apart
    from (
        select distinct book_version, provider, model, priced_meter, service_tier, processing_mode, region_id
        from metered
    ) as skus
    group by 1, 2, 3, 4, 5, 6
    having max(region_id) is not null

)

select
    metered.book_version,
    metered.price_id || '#' || metered.priced_meter as meter_price_id,
    metered.price_id,
    metered.provider,
    metered.model,
    metered.priced_meter as meter,
    metered.meter as price_meter,
    metered.unit_price,
    metered.currency,
    metered.service_tier,
    metered.processing_mode,
    metered.context_tokens_gt,
    coalesce(metered.context_tokens_up_to, {{ no_context_limit() }}) as context_tokens_up_to,
    metered.context_rule,
    metered.region_id,
    metered.region_scope,
    -- a price of every region gives way to one of the call's own
    case
        when metered.region_id is null and regions_apart.is_regional_apart = 1 then '*'
        when metered.region_id is null then regions_apart.regions_priced_apart
    end as regions_priced_apart,
    metered.region_id is not null and coalesce(regions_apart.holds_everywhere, 0) = 0 as is_region_assumed_if_unknown,
    metered.daily_window,
    metered.daily_window_from,
    metered.daily_window_to,
    metered.weekdays,
    metered.valid_from,
    metered.valid_to,
    metered.price_date_basis,
    metered.rule_of_meter as price_rule
from metered
left join regions_apart
    on
        metered.book_version = regions_apart.book_version
        and metered.provider = regions_apart.provider
        and metered.model = regions_apart.model
        and metered.priced_meter = regions_apart.priced_meter
        and metered.service_tier = regions_apart.service_tier
        and metered.processing_mode = regions_apart.processing_mode
