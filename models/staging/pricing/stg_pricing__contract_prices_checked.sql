with contract_prices as (

    select * from {{ raw('contract_prices') }} as raw_rows

),

typed as (

    select
        *,
        {{ to_utc_timestamp('valid_from') }} as starts_at,
        {{ to_utc_timestamp('valid_to') }} as ends_at,
        {{ try_cast('discount_percentage', 'decimal(9, 6)') }} as discount,
        {{ try_cast('unit_price', price_type()) }} as price
    from contract_prices

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
    ]) }}
from typed
