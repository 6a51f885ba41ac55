{{ config(materialized='table') }}

{#- Two rows per call, meter and slice whose charge became another one after its period had closed: what was
    booked turned round, and the charge as it is known by then, both in the first period that knew it. One row
    where there was no charge before (the call came late, or had no price) or is none any more. A charge that
    is told again as it was, be it at another price of the same amount, is not corrected. -#}
{%- set what_a_charge_says = [
    'call_key', 'corrected_in', 'meter', 'slice_above', 'source_name', 'call_id', 'billing_account_id',
    'billing_account_name', 'sub_account_id', 'sub_account_name', 'model_as_sent', 'deployment', 'region_id',
    'started_at', 'ended_at', 'charge_period_start', 'charge_period_end', 'consumed_quantity', 'pricing_quantity',
    'currency', 'list_unit_price', 'contracted_unit_price', 'pricing_currency', 'pricing_currency_list_unit_price',
    'pricing_currency_contracted_unit_price', 'tags_json', 'shared_tags_json',
] -%}


with rebooked_calls as (

    select * from {{ ref('int_rebooked_calls') }}

),

sides as (

    select
        call_key,
        booking_number,
        booked_in as corrected_in,
        1 as sign
    from rebooked_calls

    union all

    select
        call_key,
        previous_booking as booking_number,
        booked_in as corrected_in,
        -1 as sign
    from rebooked_calls

),

unpriced as (

    select distinct
        call_key,
        booking_number
    from {{ ref('int_unpriced_usage') }}

),

-- no rows of a side on which the call is unknown or unpriced
charged as (

    select
        sides.corrected_in,
        sides.sign,
        usage_priced.*
    from {{ ref('int_usage_priced') }} as usage_priced
    inner join sides
        on
            usage_priced.call_key = sides.call_key
            and usage_priced.booking_number = sides.booking_number
    left join unpriced
        on
            usage_priced.call_key = unpriced.call_key
            and usage_priced.booking_number = unpriced.booking_number
    where
        not usage_priced.is_cache_hit
        and unpriced.call_key is null

),

compared as (

    select
        charged.*,
        count(*) over (
            partition by
                {{ what_a_charge_says | join(',\n                ') }}
        ) as sides_that_say_so
    from charged

),

corrections as (

    select
        {{ usage_charge_id('compared') }}
        || case when sign = -1 then ':reversal-' else ':correction-' end
        || {{ year_and_month('corrected_in') }} as charge_id,
        {{ usage_charge_category('compared') }} as charge_category,
        'Correction' as charge_class,
        case when sign = -1 then 'reversal' else 'correction' end as correction_kind,
        'Usage-Based' as charge_frequency,
        'Standard' as pricing_category,
        {{ usage_cost_basis('compared') }} as cost_basis,
        corrected_in as billing_period_start,
        charge_period_start,
        charge_period_end,
        source_name,
        call_key,
        call_id,
        started_at,
        ended_at,
        model_as_sent,
        deployment,
        billing_account_id,
        billing_account_name,
        sub_account_id,
        sub_account_name,
        allocation_rule,
        region_id,
        meter,
        slice_above,
        meter_price_id,
        contract_price_id,
        price_rule,
        sign * {{ usage_consumed_quantity('compared') }} as consumed_quantity,
        case when sign = -1 then -pricing_quantity else pricing_quantity end as pricing_quantity,
        currency as billing_currency,
        list_unit_price,
        contracted_unit_price,
        case when sign = -1 then -list_cost else list_cost end as list_cost,
        {%- for cost in ['contracted_cost', 'billed_cost', 'effective_cost'] %}
        case when sign = -1 then -contracted_cost else contracted_cost end as {{ cost }},
        {%- endfor %}
        pricing_currency,
        pricing_currency_list_unit_price,
        pricing_currency_contracted_unit_price,
        case when sign = -1 then -pricing_currency_contracted_cost else pricing_currency_contracted_cost end
            as pricing_currency_effective_cost,
        tags_json,
        shared_tags_json
    from compared
    where sides_that_say_so = 1

)

{{ select_charges('corrections', usage_charge_columns() + ['charge_class', 'correction_kind']) }}
