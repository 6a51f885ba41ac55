with typed as (

    select
        alias,
        provider,
        {{ to_utc_timestamp('recorded_at') }} as recorded_at
    from {{ price_book('provider_aliases') }}

),

known as (

    select
        *,
        {{ known_from('recorded_at') }} as known_from
    from typed

)

select * from known
{{ where_known() }}
