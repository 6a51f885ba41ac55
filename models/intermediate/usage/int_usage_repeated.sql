{{ config(materialized='table') }}

{#- One row per call that usable records tell of more than once: few, so that only their records are ranked. -#}
select replaces_key as call_key
from {{ ref('int_usage_records') }}
where fault_reason is null
group by replaces_key
having count(*) > 1
