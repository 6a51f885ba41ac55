with typed as (

    select
        provider,
        lower(alias) as alias,
        model,
        {{ to_utc_timestamp('recorded_at') }} as recorded_at
    from {{ price_book('model_aliases') }}

),

known as (

    select
        *,
        {{ known_from('recorded_at') }} as known_from
    from typed

)

select * from known
{{ where_known() }}
