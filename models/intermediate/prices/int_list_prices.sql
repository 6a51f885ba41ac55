{#- Two prices of one key differ in time only. -#}
{%- set key = 'provider, model, meter, service_tier, processing_mode, context_tokens_gt, region_id, daily_window' -%}

with list_prices as (

    select * from {{ ref('stg_pricing__list_prices') }}

),

dated as (

    select
        *,
        row_number() over (partition by {{ key }} order by valid_from nulls first) as price_number,
        lead(valid_from) over (partition by {{ key }} order by valid_from nulls first) as next_valid_from
    from list_prices

)

select
    price_id,
    provider,
    model,
    meter,
    unit_price,
    currency,
    service_tier,
    processing_mode,
    context_tokens_gt,
    region_id,
    region_scope,
    daily_window,
    daily_window_from,
    daily_window_to,
    -- a date that is unknown, or only tells when the price was seen, does not begin the price's life
    case
        when valid_from is null or (price_number = 1 and price_date_basis = 'verified_on')
            then cast('1900-01-01 00:00:00' as {{ timestamp_type() }})
        else valid_from
    end as valid_from,
    least(
        coalesce(valid_to, cast('9999-12-31 00:00:00' as {{ timestamp_type() }})),
        coalesce(next_valid_from, cast('9999-12-31 00:00:00' as {{ timestamp_type() }}))
    ) as valid_to,
    price_date_basis
from dated
