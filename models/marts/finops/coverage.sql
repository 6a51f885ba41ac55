with usage_of_calls as (

    select * from {{ ref('int_usage') }}

),

held_calls as (

    select * from {{ ref('int_held_calls') }}

),

providers as (

    select * from {{ ref('providers') }}

),

billable as (

    select
        {{ billing_period_start('usage_of_calls.charge_period_start') }} as billing_period_start,
        coalesce(providers.service_provider_name, usage_of_calls.provider_as_sent) as provider,
        held_calls.call_key is null as is_priced,
        usage_of_calls.prompt_tokens + usage_of_calls.completion_tokens as tokens
    from usage_of_calls
    left join held_calls
        on usage_of_calls.call_key = held_calls.call_key
    left join providers
        on usage_of_calls.provider = providers.provider
    where usage_of_calls.is_billable

)

select
    billing_period_start,
    provider,
    count(*) as calls,
    cast(sum(case when is_priced then 1 else 0 end) as {{ whole_type() }}) as priced_calls,
    cast(sum(tokens) as {{ whole_type() }}) as tokens,
    cast(sum(case when is_priced then tokens else 0 end) as {{ whole_type() }}) as priced_tokens
from billable
group by 1, 2
