with aliases as (

    select
        aliases.provider,
        lower(aliases.alias) as alias,
        aliases.model,
        {{ null_text() }} as region_id,
        cast(null as {{ timestamp_type() }}) as valid_from,
        {{ to_utc_timestamp('aliases.recorded_at', is_iso=true) }} as recorded_at,
        {{ known_from(to_utc_timestamp('aliases.recorded_at', is_iso=true), 'first_day.first_day') }} as known_from,
        0 as is_own
    from {{ price_book('ai_model_aliases') }} as aliases
    cross join {{ ref('stg_pricing__first_day') }} as first_day

    union all

    select distinct
        known_provider as provider,
        alias,
        known_model as model,
        region_id,
        starts_at as valid_from,
        known_from as recorded_at,
        known_from,
        1 as is_own
    from {{ ref('stg_pricing__own_aliases_checked') }}
    where fault_reason is null

)

select * from aliases
{{ where_known() }}
