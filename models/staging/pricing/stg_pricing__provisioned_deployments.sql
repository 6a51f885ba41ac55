with checked as (

    select
        known_provider as provider,
        deployment,
        starts_at,
        coalesce(ends_at, {{ end_of_time() }}) as ends_at
    from {{ ref('stg_pricing__provisioned_deployments_checked') }}
    where fault_reason is null

),

-- windows that touch or overlap are one: a call must find a deployment once
preceded as (

    select
        *,
        max(ends_at) over (
            partition by provider, deployment
            order by starts_at, ends_at
            rows between unbounded preceding and 1 preceding
        ) as ended_before
    from checked

),

numbered as (

    select
        *,
        sum(case when starts_at <= ended_before then 0 else 1 end) over (
            partition by provider, deployment
            order by starts_at, ends_at
            rows between unbounded preceding and current row
        ) as window_number
    from preceded

)

select
    provider,
    deployment,
    min(starts_at) as valid_from,
    max(ends_at) as valid_to
from numbered
group by provider, deployment, window_number
