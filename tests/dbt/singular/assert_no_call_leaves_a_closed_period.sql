{#- A call is charged first in one billing period of one provider. A delivery that moves it out of a closed one
    would count twice, or take back what was closed: the log must keep such a call where it was. -#}
with repeated_calls as (

    {%- for source_name in usage_sources() %}
    {{ 'union all' if not loop.first }}
    select call_key from {{ ref('stg_' ~ source_name ~ '__repeated_calls') }}
    {%- endfor %}

)

select
    usage_knowledge.call_key,
    min(usage_knowledge.call_id) as call_id,
    min(usage_knowledge.charge_period_start) as first_start,
    max(usage_knowledge.charge_period_start) as last_start,
    min(usage_knowledge.provider) as first_provider,
    max(usage_knowledge.provider) as last_provider
from {{ ref('int_usage_knowledge') }} as usage_knowledge
inner join repeated_calls
    on usage_knowledge.call_key = repeated_calls.call_key
where usage_knowledge.knowledge_sequence = 0
group by usage_knowledge.call_key
having count(*) > 1
