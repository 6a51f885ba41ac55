with checked as (

    select * from {{ ref('stg_pricing__contract_prices_checked') }}

)

-- a price list delivered twice counts once
select distinct
    contract_price_id,
    contract_id,
    billing_account_id,
    known_provider as provider,
    model,
    meter,
    service_tier,
    processing_mode,
    discount as discount_percentage,
    price as unit_price,
    currency,
    starts_at as valid_from,
    coalesce(ends_at, cast('9999-12-31 00:00:00' as {{ timestamp_type() }})) as valid_to
from checked
where fault_reason is null
