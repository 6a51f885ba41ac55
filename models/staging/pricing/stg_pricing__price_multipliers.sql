with price_multipliers as (

    select * from {{ price_book('ai_price_multipliers') }}

),

typed as (

    select
        multiplier_id,
        provider,
        model,
        cast(factor as {{ decimal_type(10, 8) }}) as factor,
        price_rule,
        nullif(region_id, '') as region_id,
        region_scope,
        service_tier,
        nullif(processing_mode, '') as processing_mode,
        base_service_tier,
        coalesce({{ to_utc_timestamp('valid_from', is_iso=true) }}, {{ begin_of_time() }}) as valid_from,
        coalesce({{ to_utc_timestamp('valid_to', is_iso=true) }}, {{ end_of_time() }}) as valid_to,
        {{ to_utc_timestamp('recorded_at', is_iso=true) }} as recorded_at,
        0 as is_own
    from price_multipliers

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
        'price_multipliers/' || known_provider || '/' || known_model || coalesce('/' || known_region, '')
        || '/' || known_tier || coalesce('/' || known_mode, '')
        || '/from-' || coalesce({{ timestamp_text('starts_at') }}, 'open')
        || case
            when known_from > {{ begin_of_time() }} then '/recorded-' || {{ timestamp_text('known_from') }} else ''
        end as multiplier_id,
        known_provider as provider,
        known_model as model,
        known_factor as factor,
        price_rule,
        known_region as region_id,
        region_scope,
        known_tier as service_tier,
        known_mode as processing_mode,
        known_base_tier as base_service_tier,
        coalesce(starts_at, {{ begin_of_time() }}) as valid_from,
        coalesce(ends_at, {{ end_of_time() }}) as valid_to,
        known_from as recorded_at,
        1 as is_own,
        known_from
    from {{ ref('stg_pricing__own_multipliers_checked') }}
    where fault_reason is null

)

select * from known
{{ where_known() }}
