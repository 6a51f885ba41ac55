{#- How whoever sells is spelt on the cost rows, by each name that is known: a contract and its commitments are those
    of one provider however they are typed. -#}
with provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

),

providers as (

    select * from {{ ref('stg_pricing__providers') }}

),

sellers as (

    select
        lower(service_provider_name) as provider_name,
        min(service_provider_name) as service_provider_name
    from providers
    group by 1

)

select
    provider_name,
    service_provider_name
from sellers

union all

select
    provider_aliases.alias as provider_name,
    providers.service_provider_name
from provider_aliases
inner join providers
    on provider_aliases.provider = providers.provider
left join sellers
    on provider_aliases.alias = sellers.provider_name
where sellers.provider_name is null
