with list_prices as (

    select * from {{ ref('list_prices') }}

)

select
    price_id,
    provider,
    model,
    meter,
    cast(unit_price as {{ price_type() }}) as unit_price,
    currency,
    service_tier,
    processing_mode,
    cast(context_tokens_gt as {{ whole_type() }}) as context_tokens_gt,
    nullif(region_id, '') as region_id,
    region_scope,
    cast({{ dbt.split_part('daily_window_start', "':'", 1) }} as {{ whole_type() }}) * 3600
        + cast({{ dbt.split_part('daily_window_start', "':'", 2) }} as {{ whole_type() }}) * 60 as daily_window_from,
    cast({{ dbt.split_part('daily_window_end', "':'", 1) }} as {{ whole_type() }}) * 3600
        + cast({{ dbt.split_part('daily_window_end', "':'", 2) }} as {{ whole_type() }}) * 60 as daily_window_to,
    nullif(daily_window_start, '') || '-' || daily_window_end as daily_window,
    {{ to_utc_timestamp('valid_from') }} as valid_from,
    {{ to_utc_timestamp('valid_to') }} as valid_to,
    valid_from_basis as price_date_basis,
    {{ to_utc_timestamp('recorded_at') }} as recorded_at
from list_prices
