{{ config(materialized='table') }}

{#- list_prices take the place of the book's, price_book rows are merged with them by date: one shape, one check. -#}
{%- set shape = [
    'provider', 'model', 'meter', 'unit_price', 'currency', 'pricing_block', 'service_tier', 'processing_mode',
    'context_threshold', 'context_inclusive', 'context_rule', 'region_id', 'region_scope', 'daily_window_start',
    'daily_window_end', 'weekdays', 'valid_from', 'valid_to', 'recorded_at', 'source',
] -%}
{%- set key = [
    'raw_table', 'known_provider', 'known_model', 'known_meter', 'known_tier', 'known_mode', 'context_tokens_gt',
    'known_region', 'daily_window', 'weekdays', 'starts_at', 'recorded_at_instant',
] -%}
{%- set clock = '([01][0-9]|2[0-3]):[0-5][0-9]' -%}

with own_prices as (

    {%- for table in ['list_prices', 'price_book'] %}
    {{ 'union all' if not loop.first }}
    select
        cast('{{ table }}' as {{ text_type() }}) as raw_table,
        {{ shape | join(',\n        ') }},
        {{ 'valid_from_basis' if table == 'price_book' else null_text() }} as valid_from_basis,
        _file,
        _line,
        _fault
    from {{ raw(table) }} as raw_rows
    {%- endfor %}

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

),

-- a name that differs from one of the book in its letters' case only is that one
models as (

    select
        provider,
        lower(model) as model_name,
        min(model) as model
    from {{ price_book('ai_models') }}
    group by 1, 2

),

meters as (

    select * from {{ ref('ai_meters') }}

),

currencies as (

    select * from {{ ref('ai_currencies') }}

),

closed as (

    {{ closed_stretches() | indent(4) }}

),

typed as (

    select
        own_prices.*,
        provider_aliases.provider as known_provider,
        coalesce(models.model, own_prices.model) as known_model,
        meters.meter as known_meter,
        meters.pricing_block as block_of_meter,
        case when own_prices.currency is null then 'USD' else currencies.currency_code end as known_currency,
        {{ service_tier_of('own_prices.service_tier') }} as known_tier,
        {{ processing_mode_of('own_prices.processing_mode', 'own_prices.service_tier') }} as known_mode,
        lower(own_prices.region_id) as known_region,
        case
            when {{ matches('own_prices.unit_price', '[0-9]*([.][0-9]{0,12}0*)?') }}
                then {{ try_price('own_prices.unit_price') }}
        end as price,
        case
            when {{ matches("coalesce(own_prices.context_threshold, '0')", '[0-9]{1,10}') }}
                then cast(coalesce(own_prices.context_threshold, '0') as {{ whole_type() }})
                - case when lower(own_prices.context_inclusive) = 'true' then 1 else 0 end
        end as context_tokens_gt,
        own_prices.daily_window_start || '-' || own_prices.daily_window_end as daily_window,
        {{ to_utc_timestamp('own_prices.valid_from') }} as starts_at,
        {{ to_utc_timestamp('own_prices.valid_to') }} as ends_at,
        {{ to_utc_timestamp('own_prices.recorded_at') }} as recorded_at_instant,
        closed.closed_from,
        closed.closed_until
    from own_prices
    left join provider_aliases
        on lower(own_prices.provider) = provider_aliases.alias
    left join models
        on
            provider_aliases.provider = models.provider
            and lower(own_prices.model) = models.model_name
    left join meters
        on lower(own_prices.meter) = meters.meter
    left join currencies
        on upper(own_prices.currency) = currencies.currency_code
    left join closed
        on provider_aliases.provider = closed.provider

),

checked as (

    select
        *,
        {{ hash_of(['known_currency', 'region_scope', timestamp_text('ends_at')]) }} as content_hash,
        {{ first_fault([
            ['provider', 'provider', 'provider is null', 'is empty'],
            ['provider', 'provider', 'known_provider is null',
             'is no provider: give it a row in raw/providers, or its spelling one in raw/provider_aliases'],
            ['model', 'model', 'model is null', 'is empty'],
            ['meter', 'meter', 'known_meter is null', 'is no meter'],
            ['unit_price', 'unit_price', 'price is null',
             'is no price of zero or more with 12 decimals at most'],
            ['currency', 'currency', 'known_currency is null', 'is no ISO 4217 currency code'],
            ['pricing_block', 'pricing_block', 'pricing_block <> block_of_meter',
             'is not how many units of the meter a price buys: leave it empty and give the price of that many'],
            ['processing_mode', 'processing_mode', "known_mode not in ('realtime', 'batch')",
             'is neither realtime nor batch'],
            ['context_inclusive', 'context_inclusive', "lower(context_inclusive) not in ('true', 'false')",
             'is neither true nor false'],
            ['context_threshold', 'context_threshold', 'context_tokens_gt is null or context_tokens_gt < 0',
             'is no whole number of tokens'],
            ['context_rule', 'context_rule', "lower(context_rule) <> 'cliff'",
             'is not cliff: a price is that of all tokens of a call'],
            ['daily_window_start', 'daily_window_start',
             'daily_window_start is null and daily_window_end is not null or not '
             ~ matches('daily_window_start', clock), 'is no time such as 09:30'],
            ['daily_window_end', 'daily_window_end',
             'daily_window_end is null and daily_window_start is not null or not '
             ~ matches('daily_window_end', '(24:00|' ~ clock ~ ')'), 'is no time such as 17:30'],
            ['daily_window_end', 'daily_window_end', 'daily_window_end <= daily_window_start',
             'does not lie after daily_window_start: a window over midnight is two rows'],
            ['weekdays', 'weekdays', 'not ' ~ matches('weekdays', '1?2?3?4?5?6?7?'),
             'is no list of days such as 12345, of which 1 is Monday'],
            ['valid_from', 'valid_from', 'valid_from is not null and starts_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'valid_to is not null and ends_at is null', 'is no date and time'],
            ['valid_to', 'valid_to', 'ends_at <= coalesce(starts_at, ' ~ begin_of_time() ~ ')',
             'does not lie after valid_from'],
            ['valid_from_basis', 'valid_from_basis',
             "valid_from_basis not in ('effective', 'verified_on', 'unknown')",
             'is none of effective, verified_on and unknown'],
            ['recorded_at', 'recorded_at', 'recorded_at is not null and recorded_at_instant is null',
             'is no date and time'],
            ['recorded_at', 'recorded_at', "recorded_at is null and raw_table = 'price_book'", 'is empty'],
            ['recorded_at', "coalesce(recorded_at, '')",
             'recorded_at is null and coalesce(starts_at, ' ~ begin_of_time() ~ ') < closed_until'
             ~ ' and coalesce(ends_at, ' ~ end_of_time() ~ ') > closed_from',
             'is needed: the price reaches into a month that is closed, which keeps what was known then'],
        ]) }}
    from typed

),

compared as (

    select
        *,
        {{ contradicts('price', key) }} or {{ contradicts('content_hash', key) }} as is_contradicted
    from checked

)

select
    raw_table,
    provider,
    model,
    meter,
    unit_price,
    recorded_at,
    known_provider,
    known_model,
    known_meter,
    price,
    known_currency,
    cast(block_of_meter as {{ whole_type() }}) as pricing_block,
    known_tier,
    known_mode,
    context_tokens_gt,
    known_region,
    region_scope,
    daily_window_start,
    daily_window_end,
    daily_window,
    weekdays,
    starts_at,
    ends_at,
    case
        when starts_at is null then 'unknown'
        else coalesce(valid_from_basis, 'effective')
    end as price_date_basis,
    recorded_at_instant,
    {{ fault_or_contradiction(
        'unit_price',
        'is another price than in a second row of the same meter, window and recorded_at: delete one of them',
    ) }},
    _file,
    _line
from compared
