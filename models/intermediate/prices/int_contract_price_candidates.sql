{#- One row per version of the prices, contract price and list price that it covers. -#}
{%- set equals = 'partition by prices_as_of, billing_account_id, meter_price_id, specificity, valid_from, known_from' %}

with contract_prices as (

    select * from {{ ref('stg_pricing__contract_prices') }}

),

meter_prices as (

    select * from {{ ref('int_meter_prices') }}

),

models as (

    select * from {{ ref('stg_pricing__models') }}

),

covered as (

    select
        meter_prices.prices_as_of,
        contract_prices.billing_account_id,
        meter_prices.meter_price_id,
        contract_prices.contract_price_id,
        contract_prices.valid_from,
        contract_prices.valid_to,
        contract_prices.known_from,
        coalesce(
            contract_prices.unit_price,
            {{ discounted_price('meter_prices.unit_price', 'contract_prices.discount_percentage') }}
        ) as contracted_unit_price,
        case when contract_prices.unit_price is null then 0 else 64 end
        + case when contract_prices.model is null then 0 else 32 end
        + case when contract_prices.model_family is null then 0 else 16 end
        + case when contract_prices.meter is null then 0 else 8 end
        + case when contract_prices.service_tier is null then 0 else 4 end
        + case when contract_prices.processing_mode is null then 0 else 2 end
        -- the meter itself before the one that it borrows from
        + case when contract_prices.meter = meter_prices.meter then 1 else 0 end as specificity
    from contract_prices
    inner join meter_prices
        on
            contract_prices.known_from <= meter_prices.prices_as_of
            and coalesce(contract_prices.replaced_at, {{ end_of_time() }}) > meter_prices.prices_as_of
            and contract_prices.provider = meter_prices.provider
            and coalesce(contract_prices.model, meter_prices.model) = meter_prices.model
            -- a meter that borrows the price of another borrows its discount too
            and coalesce(contract_prices.meter, meter_prices.meter) in (meter_prices.meter, meter_prices.price_meter)
            and coalesce(contract_prices.service_tier, meter_prices.service_tier) = meter_prices.service_tier
            and coalesce(contract_prices.processing_mode, meter_prices.processing_mode) = meter_prices.processing_mode
            and (contract_prices.currency is null or contract_prices.currency = meter_prices.currency)
            -- an absolute price can't be meant for a long context, which costs a multiple
            and (contract_prices.unit_price is null or meter_prices.context_tokens_gt = 0)
    left join models
        on
            meter_prices.provider = models.provider
            and meter_prices.model = models.model
    where contract_prices.model_family is null or lower(contract_prices.model_family) = lower(models.model_family)

)

select
    *,
    -- of two that begin together, name as much and were recorded together, nothing says which counts
    case
        when min(contracted_unit_price) over ({{ equals }}) = max(contracted_unit_price) over ({{ equals }}) then null
        when contract_price_id = min(contract_price_id) over ({{ equals }})
            then max(contract_price_id) over ({{ equals }})
        else min(contract_price_id) over ({{ equals }})
    end as contradicted_price_id
from covered
