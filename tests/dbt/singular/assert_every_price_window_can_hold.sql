{#- A window of hours lies within one day, and weekdays are digits: anything else would hold for no call, or for
    other days than were meant. -#}
select
    price_id,
    daily_window,
    weekdays
from {{ ref('stg_pricing__list_prices') }}
where
    (daily_window_from is null) <> (daily_window_to is null)
    or daily_window_from >= daily_window_to
    or (weekdays is not null and not {{ matches('weekdays', '[1-7]+') }})
