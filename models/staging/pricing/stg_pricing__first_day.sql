{#- One row: the day on which the price book begins. It is one for all its tables: the first row of one that begins
    later is news, and closed periods don't know it. -#}
with recordings as (

    {%- for table in ['ai_list_prices', 'ai_price_multipliers', 'ai_model_aliases', 'ai_provider_aliases'] %}
    {{ 'union all' if not loop.first }}
    select {{ to_utc_timestamp('recorded_at', is_iso=true) }} as recorded_at from {{ price_book(table) }}
    {%- endfor %}

)

select cast({{ dbt.date_trunc('day', 'min(recorded_at)') }} as {{ timestamp_type() }}) as first_day
from recordings
