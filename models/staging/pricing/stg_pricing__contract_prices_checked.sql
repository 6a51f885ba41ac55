{{ config(materialized='table') }}

with contract_prices as (

    select * from {{ raw('contract_prices') }} as raw_rows

),

provider_aliases as (

    select * from {{ ref('provider_aliases') }}

),

-- a price that matches nothing in the price book would be ignored in silence
priced_meters as (

    select
        provider,
        model,
        meter,
        min(currency) as currency
    from {{ ref('list_prices') }}
    group by 1, 2, 3

),

priced_providers as (

    select distinct provider from priced_meters

),

priced_models as (

    select distinct
        provider,
        model
    from priced_meters

),

meters as (

    select distinct meter from {{ ref('meter_fallbacks') }}

),

typed as (

    select
        contract_prices.*,
        priced_providers.provider as known_provider,
        priced_models.model as known_model,
        meters.meter as known_meter,
        priced_meters.currency as list_currency,
        {{ to_utc_timestamp('valid_from') }} as starts_at,
        {{ to_utc_timestamp('valid_to') }} as ends_at,
        {{ try_cast('discount_percentage', 'decimal(9, 6)') }} as discount,
        {{ try_cast('unit_price', price_type()) }} as price
    from contract_prices
    left join provider_aliases
        on lower(contract_prices.provider) = provider_aliases.alias
    left join priced_providers
        on provider_aliases.provider = priced_providers.provider
    left join priced_models
        on
            provider_aliases.provider = priced_models.provider
            and contract_prices.model = priced_models.model
    left join meters
        on contract_prices.meter = meters.meter
    left join priced_meters
        on
            provider_aliases.provider = priced_meters.provider
            and contract_prices.model = priced_meters.model
            and contract_prices.meter = priced_meters.meter

)

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
        ['unit_price', 'unit_price',
                 'unit_price is not null and coalesce(price, -1) < 0',
                 'is not a price of zero or more'],
        ['discount_percentage', 'discount_percentage',
                 'discount_percentage is not null and (discount is null or discount < 0 or discount > 100)',
                 'is not a percentage from 0 to 100'],
        ['unit_price', 'unit_price',
                 '(unit_price is null and discount_percentage is null)' ~ ' or (unit_price is not null and discount_percentage is not null)',
                 'or discount_percentage is needed, and only one of them'],
        ['meter', 'meter',
                 'unit_price is not null and (model is null or meter is null)',
                 'and model are needed for an absolute unit_price'],
        ['provider', 'provider', 'known_provider is null', 'has no prices in the price book'],
        ['model', 'model', 'model is not null and known_model is null',
                 'has no prices of this provider in the price book'],
        ['meter', 'meter', 'meter is not null and known_meter is null', 'is no meter'],
        ['currency', 'currency', 'unit_price is not null and coalesce(currency, list_currency) <> list_currency',
                 'is not the currency of the list price'],
    ]) }}
from typed
