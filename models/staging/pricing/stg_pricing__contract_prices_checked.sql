{{ config(materialized='table') }}

with contract_prices as (

    select * from {{ raw('contract_prices') }} as raw_rows

),

provider_aliases as (

    select alias, provider from {{ ref('stg_pricing__provider_aliases') }}

),

typed as (

    select
        contract_prices.*,
        provider_aliases.provider as known_provider,
        {{ to_utc_timestamp('contract_prices.valid_from') }} as starts_at,
        {{ to_utc_timestamp('contract_prices.valid_to') }} as ends_at,
        case
            when contract_prices.recorded_at is null then {{ begin_of_time() }}
            else {{ to_utc_timestamp('contract_prices.recorded_at') }}
        end as known_from,
        {{ try_decimal('contract_prices.discount_percentage', 9, 6) }} as discount,
        {{ try_price('contract_prices.unit_price') }} as price,
        -- whom and what a price is for
        {{ hash_of([
            'contract_id', 'billing_account_id', 'provider_aliases.provider', 'model', 'model_family', 'meter',
            'service_tier', 'processing_mode', 'currency',
        ]) }} as scope_hash,
        {{ hash_of([
            'contract_id', 'billing_account_id', 'provider_aliases.provider', 'model', 'model_family', 'meter',
            'service_tier', 'processing_mode', 'currency', 'discount_percentage', 'unit_price', 'valid_from',
            'valid_to',
        ]) }} as content_hash
    from contract_prices
    left join provider_aliases
        on lower(contract_prices.provider) = provider_aliases.alias

),

checked as (

    select
        *,
        {{ first_fault([
            ['contract_price_id', 'contract_price_id', 'contract_price_id is null', 'is empty'],
            ['contract_id', 'contract_id', 'contract_id is null', 'is empty'],
            ['billing_account_id', 'billing_account_id', 'billing_account_id is null', 'is empty'],
            ['provider', 'provider', 'provider is null', 'is empty'],
            ['valid_from', 'valid_from', 'starts_at is null', 'is no date and time'],
            ['valid_to', 'valid_to',
                     'valid_to is not null and ends_at is null',
                     'is no date and time'],
            ['valid_to', 'valid_to', 'ends_at <= starts_at', 'does not lie after valid_from'],
            ['recorded_at', 'recorded_at',
                     'recorded_at is not null and known_from is null',
                     'is no date and time'],
            ['unit_price', 'unit_price',
                     'unit_price is not null and (coalesce(price, -1) < 0 or not ' ~ matches('unit_price', '[0-9]*([.][0-9]{0,12}0*)?') ~ ')',
                     'is not a price of zero or more with 12 decimals at most'],
            ['discount_percentage', 'discount_percentage',
                     'discount_percentage is not null and (discount is null or discount < 0 or discount > 100 or not '
                     ~ matches('discount_percentage', '[0-9]*([.][0-9]{0,6}0*)?') ~ ')',
                     'is not a percentage from 0 to 100 with 6 decimals at most'],
            ['unit_price', 'unit_price',
                     '(unit_price is null and discount_percentage is null)' ~ ' or (unit_price is not null and discount_percentage is not null)',
                     'or discount_percentage is needed, and only one of them'],
            ['meter', 'meter',
                     'unit_price is not null and (model is null or meter is null)',
                     'and model are needed for an absolute unit_price'],
            ['provider', 'provider', 'known_provider is null', 'is no provider'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('content_hash', ['contract_price_id', 'known_from']) }} as is_contradicted
    from checked

),

dated as (

    select
        *,
        min(case when fault_reason is null and not is_contradicted then known_from end) over (
            partition by contract_price_id
        ) as first_known_from
    from compared

),

-- a later row says what a price has become; one for another account or model would take from closed periods, in
-- silence, what they had
scoped as (

    select
        *,
        min(
            case when fault_reason is null and not is_contradicted and known_from = first_known_from then scope_hash end
        ) over (partition by contract_price_id) as first_scope
    from dated

),

judged as (

    select
        *,
        is_contradicted or coalesce(fault_reason is null and scope_hash <> first_scope, false) as is_of_no_use
    from scoped

)

select
    contract_price_id,
    contract_id,
    billing_account_id,
    provider,
    model,
    model_family,
    meter,
    service_tier,
    processing_mode,
    discount_percentage,
    unit_price,
    currency,
    valid_from,
    valid_to,
    recorded_at,
    known_provider,
    starts_at,
    ends_at,
    known_from,
    discount,
    price,
    {{ fault_or_contradiction(
        'contract_price_id',
        'is given twice with different values and one recorded_at, or for another account, model or meter',
        'is_of_no_use',
    ) }},
    _file,
    _line
from judged
