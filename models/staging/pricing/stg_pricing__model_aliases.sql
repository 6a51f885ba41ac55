with typed as (

    select
        provider,
        lower(alias) as alias,
        model,
        {{ to_utc_timestamp('recorded_at', is_iso=true) }} as recorded_at
    from {{ price_book('ai_model_aliases') }}

),

known as (

    select
        typed.*,
        {{ known_from('typed.recorded_at', 'first_day.first_day') }} as known_from
    from typed
    cross join {{ ref('stg_pricing__first_day') }} as first_day

)

select * from known
{{ where_known() }}
