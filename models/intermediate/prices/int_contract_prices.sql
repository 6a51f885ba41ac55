{{ config(materialized='table') }}

{#- Per version of the prices, billing account and list price, the negotiated price of each stretch of time.
    Where several rows of a contract cover one instant, the most specific counts: a price before a discount, then
    one that names the model, the family, the meter, the tier, the mode, each before all that follow, then the
    meter itself before the one whose price it borrows, then the one that began later, then the one that was
    recorded later. What that leaves undecided is rejected; of equal prices the lesser id is named. -#}

with rejected as (

    select distinct
        contract_price_id,
        known_from
    from {{ ref('int_contract_price_candidates') }}
    where contradicted_price_id is not null

),

candidates as (

    select candidates.*
    from {{ ref('int_contract_price_candidates') }} as candidates
    left join rejected
        on
            candidates.contract_price_id = rejected.contract_price_id
            and candidates.known_from = rejected.known_from
    where rejected.contract_price_id is null

),

boundaries as (

    select prices_as_of, billing_account_id, meter_price_id, valid_from as boundary from candidates
    union distinct
    select prices_as_of, billing_account_id, meter_price_id, valid_to as boundary from candidates

),

stretches as (

    select
        prices_as_of,
        billing_account_id,
        meter_price_id,
        boundary as valid_from,
        lead(boundary) over (partition by prices_as_of, billing_account_id, meter_price_id order by boundary)
            as valid_to
    from boundaries

),

ranked as (

    select
        stretches.prices_as_of,
        stretches.billing_account_id,
        stretches.meter_price_id,
        stretches.valid_from,
        stretches.valid_to,
        candidates.contract_price_id,
        candidates.contracted_unit_price,
        row_number() over (
            partition by
                stretches.prices_as_of, stretches.billing_account_id, stretches.meter_price_id, stretches.valid_from
            order by
                candidates.specificity desc, candidates.valid_from desc, candidates.known_from desc,
                candidates.contract_price_id
        ) as choice
    from stretches
    inner join candidates
        on
            stretches.prices_as_of = candidates.prices_as_of
            and stretches.billing_account_id = candidates.billing_account_id
            and stretches.meter_price_id = candidates.meter_price_id
            and stretches.valid_from >= candidates.valid_from
            and stretches.valid_from < candidates.valid_to

)

select
    prices_as_of,
    billing_account_id,
    meter_price_id,
    valid_from,
    valid_to,
    contract_price_id,
    contracted_unit_price
from ranked
where choice = 1
