{{ config(materialized='table') }}

{#- One row per call and later state of knowledge in which it is compared with the state before. Few: calls of
    closed periods that came late, came again, left the period or have another price. -#}

with states as (

    select
        call_key,
        knowledge_sequence,
        reporting_period_start
    from {{ ref('int_usage_knowledge') }}
    where knowledge_sequence > 0

    union distinct

    -- a call that left has no usage there any more: what was charged is taken back
    select
        deliveries.call_key,
        period_knowledge.knowledge_sequence,
        period_knowledge.reporting_period_start
    from {{ ref('int_usage_deliveries') }} as deliveries
    inner join {{ ref('int_period_knowledge') }} as period_knowledge
        on
            deliveries.provider = period_knowledge.provider
            and {{ billing_period_start('deliveries.charge_period_start') }} = period_knowledge.billing_period_start
    where
        -- so that calls that came once are not read
        deliveries.left_at is not null
        and deliveries.left_at > period_knowledge.previous_known_at
        and deliveries.left_at <= period_knowledge.known_at

)

select
    call_key,
    knowledge_sequence,
    reporting_period_start,
    coalesce(lag(knowledge_sequence) over (partition by call_key order by knowledge_sequence), 0)
        as previous_sequence
from states
