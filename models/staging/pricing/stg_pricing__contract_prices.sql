with checked as (

    select * from {{ ref('stg_pricing__contract_prices_checked') }}

),

-- a price list delivered twice counts once
recorded as (

    select distinct
        contract_price_id,
        contract_id,
        billing_account_id,
        known_provider as provider,
        model,
        model_family,
        meter,
        -- an absolute price that names no tier or mode is that of standard calls at once; a discount
        -- that names none is off all of them
        case
            when service_tier is not null or price is not null then {{ service_tier_of('service_tier') }}
        end as service_tier,
        case
            when processing_mode is not null or price is not null or lower(service_tier) = 'batch'
                then {{ processing_mode_of('processing_mode', 'service_tier') }}
        end as processing_mode,
        discount as discount_percentage,
        price as unit_price,
        currency,
        starts_at as valid_from,
        coalesce(ends_at, {{ end_of_time() }}) as valid_to,
        known_from
    from checked
    where
        fault_reason is null
        {%- if var('price_book_as_of') %}
        and known_from <= {{ price_book_as_of() }}
        {%- endif %}

)

select
    *,
    lead(known_from) over (partition by contract_price_id order by known_from) as replaced_at
from recorded
