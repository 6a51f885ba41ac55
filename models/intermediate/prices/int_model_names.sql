{{ config(materialized='table') }}

{#- The names under which a model of the price book may serve a call: its own, and the snapshots
    that are known to cost the same. Dates are never cut from a name: snapshots differ in price. -#}

with models as (

    select distinct provider, model from {{ ref('int_meter_prices') }}

),

model_aliases as (

    select * from {{ ref('model_aliases') }}

),

names as (

    select provider, lower(model) as model_name, model from models
    union
    select provider, lower(alias) as model_name, model from model_aliases

)

select * from names
