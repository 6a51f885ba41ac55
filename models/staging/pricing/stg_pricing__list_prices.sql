with list_prices as (

    select * from {{ price_book('ai_list_prices') }}

),

typed as (

    select
        price_id,
        'shipped' as price_origin,
        provider,
        model,
        meter,
        cast(unit_price as {{ price_type() }}) as unit_price,
        currency,
        cast(pricing_block as {{ whole_type() }}) as pricing_block,
        service_tier,
        processing_mode,
        cast(context_threshold as {{ whole_type() }})
        - case when context_inclusive = 'true' then 1 else 0 end as context_tokens_gt,
        context_rule,
        nullif(region_id, '') as region_id,
        region_scope,
        nullif(daily_window_start, '') as daily_window_start,
        nullif(daily_window_end, '') as daily_window_end,
        nullif(daily_window_start, '') || '-' || nullif(daily_window_end, '') as daily_window,
        nullif(weekdays, '') as weekdays,
        {{ to_utc_timestamp('valid_from', is_iso=true) }} as valid_from,
        {{ to_utc_timestamp('valid_to', is_iso=true) }} as valid_to,
        valid_from_basis as price_date_basis,
        {{ to_utc_timestamp('recorded_at', is_iso=true) }} as recorded_at
    from list_prices

),

known as (

    select
        typed.*,
        {{ known_from('typed.recorded_at', 'first_day.first_day') }} as known_from
    from typed
    cross join {{ ref('stg_pricing__first_day') }} as first_day

    union all

    -- a row delivered twice counts once
    select distinct
        raw_table || '/' || known_provider || '/' || known_model || '/' || known_meter
        || '/' || known_tier || '/' || known_mode || '/gt' || cast(context_tokens_gt as {{ text_type() }})
        || coalesce('/' || known_region, '') || coalesce('/' || daily_window, '')
        || coalesce('/weekdays-' || weekdays, '')
        || '/from-' || coalesce({{ timestamp_text('starts_at') }}, 'open')
        || coalesce('/recorded-' || {{ timestamp_text('recorded_at_instant') }}, '') as price_id,
        raw_table as price_origin,
        known_provider as provider,
        known_model as model,
        known_meter as meter,
        price as unit_price,
        known_currency as currency,
        pricing_block,
        known_tier as service_tier,
        known_mode as processing_mode,
        context_tokens_gt,
        'cliff' as context_rule,
        known_region as region_id,
        region_scope,
        daily_window_start,
        daily_window_end,
        daily_window,
        weekdays,
        starts_at as valid_from,
        ends_at as valid_to,
        price_date_basis,
        coalesce(recorded_at_instant, {{ begin_of_time() }}) as recorded_at,
        coalesce(recorded_at_instant, {{ begin_of_time() }}) as known_from
    from {{ ref('stg_pricing__own_prices_checked') }}
    where fault_reason is null

)

select
    price_id,
    price_origin,
    provider,
    model,
    meter,
    unit_price,
    currency,
    pricing_block,
    service_tier,
    processing_mode,
    context_tokens_gt,
    context_rule,
    region_id,
    region_scope,
    cast({{ dbt.split_part('daily_window_start', "':'", 1) }} as {{ whole_type() }}) * 3600
    + cast({{ dbt.split_part('daily_window_start', "':'", 2) }} as {{ whole_type() }}) * 60 as daily_window_from,
    cast({{ dbt.split_part('daily_window_end', "':'", 1) }} as {{ whole_type() }}) * 3600
    + cast({{ dbt.split_part('daily_window_end', "':'", 2) }} as {{ whole_type() }}) * 60 as daily_window_to,
    daily_window,
    weekdays,
    valid_from,
    valid_to,
    price_date_basis,
    recorded_at,
    known_from
from known
{{ where_known() }}
