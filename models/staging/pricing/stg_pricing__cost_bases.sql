with cost_bases as (

    select
        cost_bases.provider,
        {{ null_text() }} as deployment,
        cost_bases.source_name,
        cost_bases.cost_basis,
        {{ begin_of_time() }} as valid_from,
        {{ known_from(to_utc_timestamp('cost_bases.recorded_at', is_iso=true), 'first_day.first_day') }} as known_from,
        0 as is_own
    from {{ ref('ai_cost_bases') }} as cost_bases
    cross join {{ ref('stg_pricing__first_day') }} as first_day

    union all

    -- a row delivered twice counts once
    select distinct
        known_provider as provider,
        deployment,
        {{ null_text() }} as source_name,
        known_basis as cost_basis,
        starts_at as valid_from,
        known_from,
        1 as is_own
    from {{ ref('stg_pricing__cost_bases_checked') }}
    where fault_reason is null

)

select * from cost_bases
{{ where_known() }}
