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
        {{ to_utc_timestamp('recorded_at', is_iso=true) }} as recorded_at
    from price_multipliers

),

known as (

    select
        typed.*,
        {{ known_from('typed.recorded_at', 'first_day.first_day') }} as known_from
    from typed
    cross join {{ ref('stg_pricing__first_day') }} as first_day

)

select * from known
{{ where_known() }}
