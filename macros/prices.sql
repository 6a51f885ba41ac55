{#- A table of the price book: the package's seed, or the model or seed that var price_book names in its place.
    Any other name is a ref(). -#}
{% macro price_book(table) %}{{ return(ref((var('price_book') or {}).get(table, table))) }}{% endmacro %}

{% macro price_book_tables() %}
{{ return([
    'ai_list_prices', 'ai_price_multipliers', 'ai_model_aliases', 'ai_provider_aliases', 'ai_models', 'ai_providers',
]) }}
{% endmacro %}

{#- Service tier and processing mode as the price book spells them. -#}
{% macro service_tier_of(service_tier) -%}
case
    when
        {{ service_tier }} is null
        or lower({{ service_tier }}) in ('standard', 'default', 'auto', 'standard_only', 'on_demand', 'batch')
        then 'standard'
    else lower({{ service_tier }})
end
{%- endmacro %}

{% macro processing_mode_of(processing_mode, service_tier) -%}
case
    when lower({{ processing_mode }}) = 'batch' or lower({{ service_tier }}) = 'batch' then 'batch'
    else coalesce(lower({{ processing_mode }}), 'realtime')
end
{%- endmacro %}

{#- Above every context: the upper end of a SKU's last context band. -#}
{% macro no_context_limit() %}9223372036854775807{% endmacro %}

{#- From when on a row of the price book counts as known. The book has no memory of the time before its
    own first day, so what was recorded on that day stands for all of it. -#}
{% macro known_from(recorded_at, first_day) -%}
case
    when cast({{ dbt.date_trunc('day', recorded_at) }} as {{ timestamp_type() }}) = {{ first_day }}
        then {{ begin_of_time() }}
    else {{ recorded_at }}
end
{%- endmacro %}

{#- With var price_book_as_of, the price book of an earlier day: what came later is not seen. -#}
{% macro where_known() -%}
{% if var('price_book_as_of') %}where known_from <= {{ price_book_as_of() }}{% endif %}
{%- endmacro %}

{#- A day is taken to its end: the book of a day has what was recorded on it. -#}
{% macro price_book_as_of() %}
    {%- set instant = var('price_book_as_of') | string -%}
    {{ to_utc_timestamp(sql_text(instant ~ (' 23:59:59.999999' if instant | length == 10 else ''))) }}
{%- endmacro %}

{% macro begin_of_time() %}cast('1900-01-01 00:00:00' as {{ timestamp_type() }}){% endmacro %}
{% macro end_of_time() %}cast('9999-12-31 00:00:00' as {{ timestamp_type() }}){% endmacro %}

{#- Per provider from when until when its months are closed: what reaches in there has to say since when it is known. -#}
{% macro closed_stretches() -%}
select
    providers.provider,
    min(billing_periods.billing_period_start) as closed_from,
    max({{ billing_period_end('billing_periods.billing_period_start') }}) as closed_until
from {{ ref('stg_billing__billing_periods') }} as billing_periods
inner join {{ ref('stg_pricing__providers') }} as providers
    on billing_periods.invoice_issuer_name = providers.invoice_issuer_name
group by providers.provider
{%- endmacro %}

{#- The part of a price's window that own prices leave to it, from a left join of windows; and whether there is one. -#}
{% macro left_window(price, window) -%}
greatest({{ price }}.valid_from, coalesce({{ window }}.left_from, {{ price }}.valid_from)) as valid_from,
        least({{ price }}.valid_to, coalesce({{ window }}.left_to, {{ price }}.valid_to)) as valid_to
{%- endmacro %}

{% macro is_left(price, window) -%}
{{ window }}.left_from is null
        or greatest({{ price }}.valid_from, {{ window }}.left_from) < least({{ price }}.valid_to, {{ window }}.left_to)
{%- endmacro %}

{#- What is counted before a meter's own quantity at a price that it borrows: reasoning that costs what output does
    comes after the output, so that slices cut the two as one. -#}
{% macro preceding_quantity(usage, price_meter) -%}
case when {{ price_meter }} <> {{ usage }}.meter then coalesce({{ usage }}.preceding_quantity, 0) else 0 end
{%- endmacro %}

{#- Whether a price is the one of a call's meter: of its SKU, of what was known, of the time, of the length
    of the context (a slice: of the meter's quantity) and of the region. -#}
{% macro price_fits(usage, price) -%}
{{ usage }}.prices_as_of = {{ price }}.prices_as_of
and {{ usage }}.provider = {{ price }}.provider
and {{ usage }}.model = {{ price }}.model
and {{ usage }}.meter = {{ price }}.meter
and {{ usage }}.service_tier = {{ price }}.service_tier
and {{ usage }}.processing_mode = {{ price }}.processing_mode
and not {{ usage }}.is_capacity_paid
and {{ usage }}.charge_period_start >= {{ price }}.valid_from
and {{ usage }}.charge_period_start < {{ price }}.valid_to
and (
    (
        {{ price }}.context_rule = 'cliff'
        and greatest(coalesce({{ usage }}.context_tokens, 0), 1) > {{ price }}.context_tokens_gt
        and greatest(coalesce({{ usage }}.context_tokens, 0), 1) <= {{ price }}.context_tokens_up_to
    )
    -- many requests' sum has no slices of its own: each is taken for a short one
    or (
        {{ price }}.context_rule = 'slice'
        and {{ usage }}.context_tokens is null
        and {{ price }}.context_tokens_gt = 0
    )
    or (
        {{ price }}.context_rule = 'slice'
        and {{ usage }}.context_tokens is not null
        and {{ usage }}.consumed_quantity + {{ preceding_quantity(usage, price ~ '.price_meter') }}
        > {{ price }}.context_tokens_gt
        and {{ preceding_quantity(usage, price ~ '.price_meter') }} < {{ price }}.context_tokens_up_to
    )
)
and (
    {{ usage }}.region_id = {{ price }}.region_id
    or (
        {{ price }}.region_id = 'regional'
        and {{ usage }}.region_id <> 'global'
        and coalesce(
            {{ dbt.position("',' || " ~ usage ~ ".region_id || ','", price ~ '.regions_priced_apart') }}, 0
        ) = 0
    )
    -- a region without a price of its own has the one of us-east-1, unless it is a partition apart
    or (
        {{ price }}.is_region_assumed_if_unknown
        and (
            {{ usage }}.region_id is null
            or (
                {{ price }}.region_id = 'us-east-1'
                and {{ usage }}.region_id not like '%-gov-%'
                and {{ usage }}.region_id not like 'cn-%'
                and {{ dbt.position("',' || " ~ usage ~ ".region_id || ','", price ~ '.regions_priced_apart') }} = 0
            )
        )
    )
    or (
        {{ price }}.region_id is null
        and (
            {{ usage }}.region_id is null
            or {{ price }}.regions_priced_apart is null
            or ({{ price }}.regions_priced_apart = '*' and {{ usage }}.region_id = 'global')
            or (
                {{ price }}.regions_priced_apart <> '*'
                and {{ dbt.position("',' || " ~ usage ~ ".region_id || ','", price ~ '.regions_priced_apart') }} = 0
            )
        )
    )
)
{%- endmacro %}

{#- The list price of a call's meter, from the CTEs window_prices and all_day_prices: a price for some hours or days
    goes before those that always hold, with all its slices and context bands, however the others are cut. So no
    token is billed at both, and none at neither. -#}
{% macro join_meter_prices(usage) -%}
left join window_prices
    on
        {{ price_fits(usage, 'window_prices') | indent(8) }}
        and {{ usage }}.started_second_of_day >= coalesce(window_prices.daily_window_from, 0)
        and {{ usage }}.started_second_of_day < coalesce(window_prices.daily_window_to, 86400)
        and (
            window_prices.weekdays is null
            or {{ dbt.position('cast(' ~ usage ~ '.started_weekday as ' ~ text_type() ~ ')', 'window_prices.weekdays') }} > 0
        )
left join all_day_prices
    on
        {{ price_fits(usage, 'all_day_prices') | indent(8) }}
        and window_prices.meter_price_id is null
{%- endmacro %}

{#- Whether a delivery is the one that counts for somebody who knows what came until an instant. -#}
{% macro counts_at(delivery, known_at) -%}
({{ delivery }}.ingested_at is null or {{ delivery }}.ingested_at <= {{ known_at }})
    and ({{ delivery }}.superseded_at is null or {{ delivery }}.superseded_at > {{ known_at }})
{%- endmacro %}

{#- The model that a delivery's name leads to in a snapshot of the prices: by the latest, which the delivery has, or by
    the names of an older one. CTE latest_snapshot is beside it. -#}
{% macro known_model(delivery, prices_as_of, older_names) -%}
case
        -- nobody knew yet who that provider is
        when {{ delivery }}.provider_known_from > {{ prices_as_of }} then null
        when {{ prices_as_of }} = latest_snapshot.prices_as_of then {{ delivery }}.latest_model
        else {{ older_names }}.model
    end
{%- endmacro %}

{#- Whether a name of a snapshot is the one of a delivery, at its time. -#}
{% macro name_fits(delivery, prices_as_of, names) -%}
{{ prices_as_of }} = {{ names }}.prices_as_of
and {{ delivery }}.provider = {{ names }}.provider
and lower({{ delivery }}.model_as_sent) = {{ names }}.model_name
and {{ delivery }}.started_at >= {{ names }}.valid_from
and {{ delivery }}.started_at < {{ names }}.valid_to
{%- endmacro %}
