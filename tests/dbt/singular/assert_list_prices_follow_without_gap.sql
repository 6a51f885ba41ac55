{{ config(severity='warn') }}

{#- Where a key has a later price, the earlier one holds until it begins. A stated end before that may be
    meant: usage in between has no price and is held back, so it is a warning. -#}
with list_prices as (

    select
        price_id,
        valid_from,
        valid_to,
        lead(valid_from) over (
            partition by
                book_version, provider, model, meter, service_tier, processing_mode, context_tokens_gt, region_id,
                daily_window, weekdays
            order by valid_from
        ) as next_valid_from
    from {{ ref('int_list_prices') }}

)

select * from list_prices
where valid_to < next_valid_from
