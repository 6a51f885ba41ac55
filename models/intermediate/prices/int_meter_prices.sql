{{ config(materialized='table') }}

{%- set sku = ['prices_as_of', 'provider', 'model', 'priced_meter', 'service_tier', 'processing_mode'] -%}
{%- set key = sku + ['stretch_from', 'region_id', 'daily_window', 'weekdays'] %}

with list_prices as (

    select * from {{ ref('int_list_prices') }}

),

meter_fallbacks as (

    select * from {{ ref('ai_meter_fallbacks') }}

),

candidates as (

    select
        list_prices.*,
        meter_fallbacks.meter as priced_meter,
        cast(meter_fallbacks.fallback_rank as {{ whole_type() }}) as fallback_rank,
        -- a meter borrows until its own price begins, so that a new price changes nothing before it
        min(list_prices.valid_from) over (
            partition by {{ sku | join(', ') | replace('priced_meter', 'meter_fallbacks.meter') }},
                meter_fallbacks.fallback_rank
        ) as first_valid_from,
        meter_fallbacks.ends_with_its_price = 'true' as ends_with_its_price,
        -- where two rules lead to a price, the row says the one that assumes more: that reasoning costs what output
        -- does assumes nothing
        case
            when meter_fallbacks.price_rule = 'exact' then list_prices.price_rule
            when meter_fallbacks.price_rule = 'output_price' and list_prices.price_rule <> 'exact'
                then list_prices.price_rule
            else meter_fallbacks.price_rule
        end as rule_of_meter
    from list_prices
    inner join meter_fallbacks
        on list_prices.meter = meter_fallbacks.price_meter

),

-- which prices of a SKU stand beside each other changes with time: each stretch is looked at by itself
boundaries as (

    select {{ sku | join(', ') }}, valid_from as boundary from candidates
    union distinct
    select {{ sku | join(', ') }}, valid_to as boundary from candidates

),

stretches as (

    select
        {{ sku | join(',\n        ') }},
        boundary as stretch_from,
        lead(boundary) over (partition by {{ sku | join(', ') }} order by boundary) as stretch_to
    from boundaries

),

-- since when a rank is the meter's, and until when: for good, or while it has a price
rank_windows as (

    select distinct
        {{ sku | join(',\n        ') }},
        fallback_rank,
        case when ends_with_its_price then valid_from else first_valid_from end as valid_from,
        case when ends_with_its_price then valid_to else {{ end_of_time() }} end as valid_to
    from candidates

),

ranks as (

    select
        {% for column in sku %}stretches.{{ column }},
        {% endfor -%}
        stretches.stretch_from,
        min(rank_windows.fallback_rank) as fallback_rank
    from stretches
    inner join rank_windows
        on
            {% for column in sku %}stretches.{{ column }} = rank_windows.{{ column }}
            and {% endfor -%}
            stretches.stretch_from >= rank_windows.valid_from
            and stretches.stretch_from < rank_windows.valid_to
    group by
        {% for column in sku %}stretches.{{ column }},
        {% endfor -%}
        stretches.stretch_from

),

in_stretch as (

    select
        candidates.*,
        stretches.stretch_from,
        stretches.stretch_to
    from candidates
    inner join stretches
        on
            {% for column in sku %}candidates.{{ column }} = stretches.{{ column }}
            and {% endfor -%}
            stretches.stretch_from >= candidates.valid_from
            and stretches.stretch_from < candidates.valid_to
    inner join ranks
        on
            {% for column in sku %}stretches.{{ column }} = ranks.{{ column }}
            and {% endfor -%}
            stretches.stretch_from = ranks.stretch_from
            and candidates.fallback_rank = ranks.fallback_rank

),

-- a price above a context threshold ends where the next threshold of its key begins; what lies below a
-- slice is a slice too
banded as (

    select
        *,
        lead(context_tokens_gt) over (partition by {{ key | join(', ') }} order by context_tokens_gt)
            as context_tokens_up_to,
        case
            when
                lead(context_rule) over (partition by {{ key | join(', ') }} order by context_tokens_gt) = 'slice'
                then 'slice'
            else context_rule
        end as rule_of_context,
        min(context_tokens_gt) over (partition by {{ key | join(', ') }}) as least_context,
        max(case when daily_window is not null or weekdays is not null then 1 else 0 end)
            over (partition by {{ (sku + ['stretch_from']) | join(', ') }}) = 1 as changes_within_a_week
    from in_stretch

),

-- the regions of a SKU that have prices of their own, as ',eu,us,'; regional is any region at all
regions_apart as (

    select
        {{ sku | join(',\n        ') }},
        stretch_from,
        is_part_time,
        max(case when region_id is null then 1 else 0 end) as holds_everywhere,
        max(case when region_id = 'regional' then 1 else 0 end) as is_regional_apart,
        -- of several regions, the one that price lists mean where they name none
        coalesce(
            max(case when region_id = 'us-east-1' then region_id end),
            case when count(distinct region_id) = 1 then max(region_id) end
        ) as usual_region_id,
        ',' || {{ dbt.listagg("case when region_id <> 'regional' then region_id end", "','", "order by region_id") }}
        || ','
            as regions_priced_apart
    from (
        select distinct
            {{ sku | join(', ') }}, stretch_from, region_id,
            daily_window is not null or weekdays is not null as is_part_time
        from banded
    ) as regions
    group by {{ sku | join(', ') }}, stretch_from, is_part_time
    having max(region_id) is not null

)

select
    banded.prices_as_of,
    banded.price_id || '#' || banded.priced_meter as meter_price_id,
    banded.price_id,
    banded.provider,
    banded.model,
    banded.priced_meter as meter,
    banded.meter as price_meter,
    banded.unit_price,
    banded.currency,
    banded.service_tier,
    banded.processing_mode,
    banded.context_tokens_gt,
    coalesce(banded.context_tokens_up_to, {{ no_context_limit() }}) as context_tokens_up_to,
    banded.rule_of_context as context_rule,
    banded.region_id,
    banded.region_scope,
    -- a price of every region gives way to one of the call's own, and so does one of any region
    case
        when banded.region_id is null and regions_apart.is_regional_apart = 1 then '*'
        when
            banded.region_id is null
            or banded.region_id = 'regional'
            or (banded.region_id = 'us-east-1' and regions_apart.holds_everywhere = 0)
            then regions_apart.regions_priced_apart
    end as regions_priced_apart,
    coalesce(
        banded.region_id = regions_apart.usual_region_id and regions_apart.holds_everywhere = 0, false
    ) as is_region_assumed_if_unknown,
    banded.daily_window,
    banded.daily_window_from,
    banded.daily_window_to,
    banded.weekdays,
    banded.changes_within_a_week,
    banded.stretch_from as valid_from,
    banded.stretch_to as valid_to,
    banded.price_date_basis,
    banded.rule_of_meter as price_rule
from banded
left join regions_apart
    on
        {% for column in sku %}banded.{{ column }} = regions_apart.{{ column }}
        and {% endfor -%}
        banded.stretch_from = regions_apart.stretch_from
        and (banded.daily_window is not null or banded.weekdays is not null) = regions_apart.is_part_time
-- without a price for what lies below it, a slice prices a part of a call
where banded.rule_of_context = 'cliff' or banded.least_context = 0
