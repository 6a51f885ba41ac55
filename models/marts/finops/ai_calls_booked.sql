{#- One row per call, month in which it is booked and what it is booked on (account, department, model, tags,
    currency, the gateway's cache): first what was charged, or nothing, in the month of the call, then each difference that became
    known after that month had closed, signed, in the first month that knew it. A call that is held back has
    no row. -#}
{%- set booked_on = [
    'call_key', 'source_name', 'call_id', 'billing_account_id', 'billing_account_name', 'sub_account_id',
    'sub_account_name', 'allocation_rule', 'model_as_sent', 'charge_period_start', 'charge_period_end', 'billing_period_start',
    'charge_class', 'billing_currency', 'tags_json',
] -%}
{%- set of_the_call = [
    'provider', 'provider_as_sent', 'started_at', 'ended_at', 'latency_ms', 'is_cache_hit', 'prompt_tokens',
    'completion_tokens', 'feature', 'user_id', 'session_id', 'classification',
] -%}

with charged as (

    select
        call_key,
        cast(sum(billed_cost) as {{ cost_type() }}) as billed_cost,
        -- the meters of a call are charged in one currency
        max(billing_currency) as billing_currency
    from {{ ref('int_charges') }}
    where
        call_key is not null
        and charge_class is null
    group by call_key

),

unpriced as (

    select distinct
        call_key,
        booking_number
    from {{ ref('int_unpriced_usage') }}

),

meters as (

    select
        meter,
        token_direction
    from {{ ref('ai_meters') }}

),

-- as the call was known when its month closed, or is known now
first_bookings as (

    select
        {%- for column in booked_on | reject('in', ['billing_period_start', 'charge_class', 'billing_currency']) %}
        calls.{{ column }},
        {%- endfor %}
        calls.booked_in as billing_period_start,
        {{ null_text() }} as charge_class,
        coalesce(charged.billing_currency, calls.account_currency, {{ sql_text(var('billing_currency')) }})
            as billing_currency,
        {%- for column in of_the_call %}
        calls.{{ column }},
        {%- endfor %}
        -- answered from the gateway's cache, failed, without tokens
        coalesce(charged.billed_cost, cast(0 as {{ cost_type() }})) as billed_cost
    from {{ ref('int_call_bookings') }} as calls
    left join charged
        on calls.call_key = charged.call_key
    left join unpriced
        on
            calls.call_key = unpriced.call_key
            and unpriced.booking_number = 0
    where
        calls.booking_number = 0
        and coalesce(calls.record_grain, 'call') <> 'bucket'
        and (
            charged.call_key is not null
            or calls.is_cache_hit
            or unpriced.call_key is null
        )

),

-- what the gateway's cache answered has tokens and no charge: with its state now, and the same turned round as before
uncharged as (

    select
        {%- for column in booked_on | reject('in', ['billing_period_start', 'charge_class', 'billing_currency']) %}
        calls.{{ column }},
        {%- endfor %}
        rebooked_calls.booked_in as billing_period_start,
        'Correction' as charge_class,
        coalesce(calls.account_currency, {{ sql_text(var('billing_currency')) }}) as billing_currency,
        case when calls.booking_number = rebooked_calls.booking_number then 1 else -1 end as is_new,
        calls.prompt_tokens,
        calls.completion_tokens
    from {{ ref('int_rebooked_calls') }} as rebooked_calls
    inner join {{ ref('int_call_bookings') }} as calls
        on
            rebooked_calls.call_key = calls.call_key
            and calls.booking_number in (rebooked_calls.booking_number, rebooked_calls.previous_booking)
    where calls.is_cache_hit

),

differences as (

    select
        {%- for column in booked_on %}
        charges.{{ column }},
        {%- endfor %}
        false as is_cache_hit,
        1 as is_new,
        case when meters.token_direction = 'Input' then coalesce(charges.consumed_quantity, 0) else 0 end
            as prompt_tokens,
        case when meters.token_direction = 'Output' then coalesce(charges.consumed_quantity, 0) else 0 end
            as completion_tokens,
        charges.billed_cost
    from {{ ref('int_charges') }} as charges
    left join meters
        on charges.meter = meters.meter
    where
        charges.call_key is not null
        and charges.charge_class = 'Correction'

    union all

    select
        {%- for column in booked_on %}
        {{ column }},
        {%- endfor %}
        true as is_cache_hit,
        is_new,
        cast(is_new * prompt_tokens as {{ quantity_type() }}) as prompt_tokens,
        cast(is_new * completion_tokens as {{ quantity_type() }}) as completion_tokens,
        cast(0 as {{ cost_type() }}) as billed_cost
    from uncharged

),

corrections as (

    select
        {%- for column in booked_on %}
        {{ column }},
        {%- endfor %}
        is_cache_hit,
        cast(sum(prompt_tokens) as {{ whole_type() }}) as prompt_tokens,
        cast(sum(completion_tokens) as {{ whole_type() }}) as completion_tokens,
        cast(sum(billed_cost) as {{ cost_type() }}) as billed_cost
    from differences
    group by
        {%- for column in booked_on %}
        {{ column }},
        {%- endfor %}
        is_cache_hit
    -- what came again as it was, or changed in its list price alone, is no difference
    having
        sum(differences.billed_cost) <> 0
        or sum(differences.prompt_tokens) <> 0
        or sum(differences.completion_tokens) <> 0
        or (is_cache_hit and sum(differences.is_new) <> 0)

),

-- what charges don't say of a call, as the delivery said it whose tags they have
deliveries as (

    select
        call_key,
        coalesce(tags_json, '') as tags,
        max(record_grain) as record_grain,
        max(provider) as provider,
        max(provider_as_sent) as provider_as_sent,
        max(started_at) as started_at,
        max(ended_at) as ended_at,
        max(latency_ms) as latency_ms,
        max(feature) as feature,
        max(user_id) as user_id,
        max(session_id) as session_id,
        max(classification) as classification
    from {{ ref('int_usage_deliveries') }}
    where call_key in (select call_key from corrections)
    group by call_key, coalesce(tags_json, '')

),

corrected as (

    select
        {%- for column in booked_on %}
        corrections.{{ column }},
        {%- endfor %}
        deliveries.provider,
        deliveries.provider_as_sent,
        deliveries.started_at,
        deliveries.ended_at,
        deliveries.latency_ms,
        corrections.is_cache_hit,
        corrections.prompt_tokens,
        corrections.completion_tokens,
        deliveries.feature,
        deliveries.user_id,
        deliveries.session_id,
        deliveries.classification,
        corrections.billed_cost
    from corrections
    left join deliveries
        on
            corrections.call_key = deliveries.call_key
            and coalesce(corrections.tags_json, '') = deliveries.tags
    where coalesce(deliveries.record_grain, 'call') <> 'bucket'

),

first_known_later as (

    select
        rebooked_calls.call_key,
        min(rebooked_calls.booking_number) as booking_number
    from {{ ref('int_rebooked_calls') }} as rebooked_calls
    left join {{ ref('int_call_bookings') }} as known_at_closing
        on
            rebooked_calls.call_key = known_at_closing.call_key
            and known_at_closing.booking_number = 0
    where known_at_closing.call_key is null
    group by rebooked_calls.call_key

),

-- a call that came after its month had closed, and costs nothing
late_without_charge as (

    select
        {%- for column in booked_on | reject('in', ['billing_period_start', 'charge_class', 'billing_currency']) %}
        calls.{{ column }},
        {%- endfor %}
        calls.booked_in as billing_period_start,
        'Correction' as charge_class,
        coalesce(calls.account_currency, {{ sql_text(var('billing_currency')) }}) as billing_currency,
        {%- for column in of_the_call %}
        calls.{{ column }},
        {%- endfor %}
        cast(0 as {{ cost_type() }}) as billed_cost
    from {{ ref('int_later_bookings') }} as calls
    inner join first_known_later
        on
            calls.call_key = first_known_later.call_key
            and calls.booking_number = first_known_later.booking_number
    left join unpriced
        on
            calls.call_key = unpriced.call_key
            and calls.booking_number = unpriced.booking_number
    left join corrections
        on
            calls.call_key = corrections.call_key
            and calls.booked_in = corrections.billing_period_start
    where
        not calls.is_cache_hit
        and coalesce(calls.record_grain, 'call') <> 'bucket'
        and corrections.call_key is null
        and unpriced.call_key is null

),

booked as (
    {%- for relation in ['first_bookings', 'corrected', 'late_without_charge'] %}
    {{ 'union all' if not loop.first }}
    select
        {%- for column in booked_on + of_the_call %}
        {{ column }},
        {%- endfor %}
        billed_cost
    from {{ relation }}
    {%- endfor %}

)

select
    -- rows of a call stand together, its first booking before its corrections
    case
        when booked.charge_class is null then booked.call_key
        else concat(booked.call_key, '-', {{ hash_of([
            timestamp_text('booked.billing_period_start'), 'booked.billing_account_id', 'booked.billing_account_name',
            'booked.sub_account_id', 'booked.sub_account_name', 'booked.model_as_sent',
            timestamp_text('booked.charge_period_start'), timestamp_text('booked.charge_period_end'),
            'booked.billing_currency', 'booked.tags_json', "case when booked.is_cache_hit then 'hit' end",
        ]) }})
    end as booking_key,
    booked.call_key,
    booked.source_name,
    booked.call_id,
    booked.billing_account_id,
    booked.billing_account_name,
    booked.sub_account_id,
    booked.sub_account_name,
    booked.allocation_rule,
    booked.provider,
    booked.provider_as_sent,
    providers.service_provider_name,
    booked.model_as_sent,
    booked.charge_period_start,
    booked.charge_period_end,
    booked.billing_period_start,
    {{ billing_period_end('booked.billing_period_start') }} as billing_period_end,
    booked.charge_class,
    cast(
        coalesce(
            booked.latency_ms,
            {{ dbt.datediff('booked.started_at', 'booked.ended_at', 'millisecond') }}
        ) as {{ decimal_type(18, 3) }}
    ) as latency_ms,
    booked.is_cache_hit,
    booked.prompt_tokens as input_tokens,
    booked.completion_tokens as output_tokens,
    booked.prompt_tokens + booked.completion_tokens as total_tokens,
    booked.billed_cost,
    booked.billing_currency,
    booked.feature,
    booked.user_id,
    booked.session_id,
    booked.classification,
    booked.tags_json
from booked
left join {{ ref('stg_pricing__providers') }} as providers
    on booked.provider = providers.provider
