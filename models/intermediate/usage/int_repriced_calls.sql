{{ config(materialized='table') }}

{#- One row per call and later state of knowledge in which it is priced again, with the state before. Few:
    calls of closed periods that came late, came again or have another price. -#}

with usage_knowledge as (

    select * from {{ ref('int_usage_knowledge') }} where knowledge_sequence > 0

)

select
    call_key,
    knowledge_sequence,
    reporting_period_start,
    coalesce(lag(knowledge_sequence) over (partition by call_key order by knowledge_sequence), 0)
        as previous_sequence
from usage_knowledge
