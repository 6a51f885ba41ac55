with list_prices as (

    select * from {{ price_book('ai_list_prices') }}

),

typed as (

    select
        price_id,
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
        cast({{ dbt.split_part("nullif(daily_window_start, '')", "':'", 1) }} as {{ whole_type() }}) * 3600
        + cast({{ dbt.split_part("nullif(daily_window_start, '')", "':'", 2) }} as {{ whole_type() }}) * 60
            as daily_window_from,
        cast({{ dbt.split_part("nullif(daily_window_end, '')", "':'", 1) }} as {{ whole_type() }}) * 3600
        + cast({{ dbt.split_part("nullif(daily_window_end, '')", "':'", 2) }} as {{ whole_type() }}) * 60
            as daily_window_to,
        nullif(daily_window_start, '') || '-' || nullif(daily_window_end, '') as daily_window,
        nullif(weekdays, '') as weekdays,
        {{ to_utc_timestamp('valid_from') }} as valid_from,
        {{ to_utc_timestamp('valid_to') }} as valid_to,
        valid_from_basis as price_date_basis,
        {{ to_utc_timestamp('recorded_at') }} as recorded_at
    from list_prices

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
