{{ config(materialized='table') }}

{#- One row per snapshot of what is known, provider, deployment (null is all that have no row of their own) and stretch
    of time, with what its calls cost: by the list, or what their log states. -#}
with snapshots as (

    select distinct prices_as_of from {{ ref('int_price_snapshots') }}

),

-- what a user says goes before what is shipped
known as (

    select
        snapshots.prices_as_of,
        cost_bases.*,
        row_number() over (
            partition by
                snapshots.prices_as_of, cost_bases.provider, cost_bases.deployment, cost_bases.valid_from
            order by cost_bases.is_own desc, cost_bases.known_from desc
        ) as choice
    from snapshots
    inner join {{ ref('stg_pricing__cost_bases') }} as cost_bases
        on snapshots.prices_as_of >= cost_bases.known_from

)

select
    prices_as_of,
    provider,
    deployment,
    source_name,
    cost_basis,
    valid_from,
    coalesce(
        lead(valid_from) over (partition by prices_as_of, provider, deployment order by valid_from),
        {{ end_of_time() }}
    ) as valid_to
from known
where choice = 1
