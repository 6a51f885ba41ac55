{#- The calls of ai_source_freshness are those of int_usage, source by source and account by account. -#}
with of_freshness as (

    select
        source_name,
        billing_account_id,
        calls
    from {{ ref('ai_source_freshness') }}

),

of_usage as (

    select
        source_name,
        billing_account_id,
        count(*) as calls
    from {{ ref('int_usage') }}
    group by source_name, billing_account_id

)

select
    of_usage.source_name,
    of_usage.billing_account_id,
    of_usage.calls,
    of_freshness.calls as counted_calls
from of_usage
full outer join of_freshness
    on
        of_usage.source_name = of_freshness.source_name
        and of_usage.billing_account_id = of_freshness.billing_account_id
where coalesce(of_usage.calls, 0) <> coalesce(of_freshness.calls, 0)
