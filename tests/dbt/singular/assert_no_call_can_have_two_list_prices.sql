{#- No state of the book, instant, context length, region and hour of the week fits two prices of one meter,
    so that the join that chooses a price never gives a call two. An hourly price and an all-day one may
    coincide: they are joined apart, and the hourly one goes first. Slices of one key follow each other. -#}
with meter_prices as (

    select
        *,
        daily_window is not null or weekdays is not null as is_windowed,
        coalesce(daily_window_from, 0) as window_from,
        coalesce(daily_window_to, 86400) as window_to,
        coalesce(weekdays, '1234567') as days
    from {{ ref('int_meter_prices') }}

)

select
    one.prices_as_of,
    one.meter_price_id,
    other.meter_price_id as other_meter_price_id
from meter_prices as one
inner join meter_prices as other
    on
        one.prices_as_of = other.prices_as_of
        and one.provider = other.provider
        and one.model = other.model
        and one.meter = other.meter
        and one.service_tier = other.service_tier
        and one.processing_mode = other.processing_mode
        and one.is_windowed = other.is_windowed
        and one.price_id < other.price_id
        and one.valid_from < other.valid_to
        and other.valid_from < one.valid_to
where
    (
        one.context_rule <> other.context_rule
        or (
            one.context_tokens_gt < other.context_tokens_up_to
            and other.context_tokens_gt < one.context_tokens_up_to
        )
    )
    and (
        coalesce(one.region_id, '') = coalesce(other.region_id, '')
        -- a call that names no region would fit both
        or (one.is_region_assumed_if_unknown and other.is_region_assumed_if_unknown)
        {%- for regional, named in [('one', 'other'), ('other', 'one')] %}
        -- any region, unless it is priced apart
        or (
            {{ regional }}.region_id = 'regional'
            and {{ named }}.region_id <> 'global'
            and coalesce(
                {{ dbt.position("',' || " ~ named ~ ".region_id || ','", regional ~ '.regions_priced_apart') }}, 0
            ) = 0
        )
        {%- endfor %}
    )
    and one.window_from < other.window_to
    and other.window_from < one.window_to
    and (
        {%- for day in range(1, 8) %}
        {{ 'or ' if not loop.first }}(
            {{ dbt.position("'" ~ day ~ "'", 'one.days') }} > 0
            and {{ dbt.position("'" ~ day ~ "'", 'other.days') }} > 0
        )
        {%- endfor %}
    )
