{{ config(materialized='table') }}

{%- set names = [
    'service_provider_name', 'host_provider_name', 'invoice_issuer_name', 'invoice_issuer_legal_name', 'service_name',
] -%}

with providers as (

    select * from {{ price_book('ai_providers') }}

),

-- a row of one's own stands in the place of the book's
own_providers as (

    select
        provider,
        {%- for name in names %}
        {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_pricing__own_providers_checked') }}
    where
        raw_table = 'providers'
        and fault_reason is null

),

named as (

    select distinct provider from own_providers

)

select distinct
    provider,
    {{ names | join(',\n    ') }}
from own_providers

union all

select
    providers.provider,
    {%- for name in names %}
    providers.{{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from providers
left join named
    on providers.provider = named.provider
where named.provider is null
