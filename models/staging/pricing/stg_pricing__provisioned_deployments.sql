with checked as (

    select * from {{ ref('stg_pricing__provisioned_deployments_checked') }}

),

latest as (

    select
        known_provider as provider,
        deployment,
        starts_at as valid_from,
        least(
            coalesce(ends_at, cast('9999-12-31 00:00:00' as {{ timestamp_type() }})),
            coalesce(
                lead(starts_at) over (partition by known_provider, deployment order by starts_at, ends_at),
                cast('9999-12-31 00:00:00' as {{ timestamp_type() }})
            )
        ) as valid_to
    from checked
    where fault_reason is null

)

select * from latest where valid_to > valid_from
