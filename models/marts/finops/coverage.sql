with calls as (

    select * from {{ ref('ai_calls') }}

)

select
    billing_period_start,
    coalesce(service_provider_name, provider) as provider,
    count(*) as calls,
    sum(case when hold_reason is null then 1 else 0 end) as priced_calls,
    cast(sum(total_tokens) as {{ whole_type() }}) as tokens,
    cast(sum(case when hold_reason is null then total_tokens else 0 end) as {{ whole_type() }}) as priced_tokens
from calls
-- only calls that a provider can charge for: a failed call and one from the gateway's cache can't
where
    not is_cache_hit
    and (total_tokens > 0 or hold_reason is not null or billed_cost > 0)
group by 1, 2
