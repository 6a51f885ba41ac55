{{ config(materialized='table') }}

{#- Every charge of every category, the only union. Narrow: names come from dimensions later. -#}

select * from {{ ref('int_usage_charges') }}

union all

select * from {{ ref('int_usage_corrections') }}
