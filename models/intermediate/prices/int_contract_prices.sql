{{ config(materialized='table') }}

{#- Per billing account and list price, the negotiated price of each stretch of time. Where several
    rows of a contract cover one instant, the most specific counts: a price before a discount, then
    the one that names more of model, meter, tier and mode, then the one that began later. -#}

with contract_prices as (

    select * from {{ ref('stg_pricing__contract_prices') }}

),

meter_prices as (

    select * from {{ ref('int_meter_prices') }}

),

candidates as (

    select
        contract_prices.billing_account_id,
        meter_prices.meter_price_id,
        contract_prices.contract_price_id,
        contract_prices.valid_from,
        contract_prices.valid_to,
        coalesce(
            contract_prices.unit_price,
            {{ discounted_price('meter_prices.unit_price', 'contract_prices.discount_percentage') }}
        ) as contracted_unit_price,
        case when contract_prices.unit_price is null then 0 else 16 end
        + case when contract_prices.model is null then 0 else 8 end
        + case when contract_prices.meter is null then 0 else 4 end
        + case when contract_prices.service_tier is null then 0 else 2 end
        + case when contract_prices.processing_mode is null then 0 else 1 end as specificity
    from contract_prices
    inner join meter_prices
        on
            contract_prices.provider = meter_prices.provider
            and coalesce(contract_prices.model, meter_prices.model) = meter_prices.model
            and coalesce(contract_prices.meter, meter_prices.meter) = meter_prices.meter
            and coalesce(contract_prices.service_tier, meter_prices.service_tier) = meter_prices.service_tier
            and coalesce(contract_prices.processing_mode, meter_prices.processing_mode)
            = meter_prices.processing_mode
            -- an absolute price holds in its own currency only
            and (contract_prices.currency is null or contract_prices.currency = meter_prices.currency)

),

boundaries as (

    select billing_account_id, meter_price_id, valid_from as boundary from candidates
    union
    select billing_account_id, meter_price_id, valid_to as boundary from candidates

),

stretches as (

    select
        billing_account_id,
        meter_price_id,
        boundary as valid_from,
        lead(boundary) over (partition by billing_account_id, meter_price_id order by boundary) as valid_to
    from boundaries

),

ranked as (

    select
        stretches.billing_account_id,
        stretches.meter_price_id,
        stretches.valid_from,
        stretches.valid_to,
        candidates.contract_price_id,
        candidates.contracted_unit_price,
        row_number() over (
            partition by stretches.billing_account_id, stretches.meter_price_id, stretches.valid_from
            order by candidates.specificity desc, candidates.valid_from desc, candidates.contract_price_id
        ) as choice
    from stretches
    inner join candidates
        on
            stretches.billing_account_id = candidates.billing_account_id
            and stretches.meter_price_id = candidates.meter_price_id
            and stretches.valid_from >= candidates.valid_from
            and stretches.valid_from < candidates.valid_to

)

select
    billing_account_id,
    meter_price_id,
    valid_from,
    valid_to,
    contract_price_id,
    contracted_unit_price
from ranked
where choice = 1
