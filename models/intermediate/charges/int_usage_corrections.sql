{#- One row per call, meter and slice whose charge became another one after its period had closed, in the
    period in which that became known: the difference to what was known before. A call that is charged
    for the first time (it came late, or had no price) brings its quantity and prices, one whose counts
    changed the difference of quantities; where only the price changed, there are costs alone. -#}
{%- set same_charge = 'partition by call_key, reported_in, meter, slice_above' %}


with repriced_calls as (

    select * from {{ ref('int_repriced_calls') }}

),

-- what is known now, and the same turned round as it was known before
sides as (

    select
        call_key,
        knowledge_sequence,
        reporting_period_start as reported_in,
        1 as is_new
    from repriced_calls

    union all

    select
        call_key,
        previous_sequence as knowledge_sequence,
        reporting_period_start as reported_in,
        -1 as is_new
    from repriced_calls

),

unpriced as (

    select distinct
        call_key,
        knowledge_sequence
    from {{ ref('int_unpriced_usage') }}

),

-- no rows of a side on which the call is unknown or unpriced
changes as (

    select
        sides.reported_in,
        sides.is_new,
        usage_priced.*,
        {{ multiply_price('usage_priced.list_unit_price', 'usage_priced.pricing_quantity') }} as list_cost,
        {{ multiply_price('usage_priced.contracted_unit_price', 'usage_priced.pricing_quantity') }} as contracted_cost,
        {{ multiply_price('usage_priced.pricing_currency_contracted_unit_price', 'usage_priced.pricing_quantity') }}
            as pricing_currency_contracted_cost
    from {{ ref('int_usage_priced') }} as usage_priced
    inner join sides
        on
            usage_priced.call_key = sides.call_key
            and usage_priced.knowledge_sequence = sides.knowledge_sequence
    left join unpriced
        on
            usage_priced.call_key = unpriced.call_key
            and usage_priced.knowledge_sequence = unpriced.knowledge_sequence
    where
        not usage_priced.is_cache_hit
        and unpriced.call_key is null

),

compared as (

    select
        changes.*,
        -- another quantity at another price is two rows, so that each is a quantity times a price
        case
            when
                min(pricing_quantity) over ({{ same_charge }}) <> max(pricing_quantity) over ({{ same_charge }})
                and (
                    min(list_unit_price) over ({{ same_charge }}) <> max(list_unit_price) over ({{ same_charge }})
                    or min(contracted_unit_price) over ({{ same_charge }})
                    <> max(contracted_unit_price) over ({{ same_charge }})
                )
                then is_new
            else 0
        end as side
    from changes

),

netted as (

    select
        call_key,
        reported_in,
        source_name,
        call_id,
        billing_account_id,
        billing_account_name,
        sub_account_id,
        sub_account_name,
        served_model,
        deployment,
        meter,
        slice_above,
        region_id,
        started_at,
        ended_at,
        charge_period_start,
        charge_period_end,
        currency,
        pricing_currency,
        side,
        tags_json,
        shared_tags_json,
        min(is_new) as least_sign,
        max(is_new) as greatest_sign,
        max(case when is_new = 1 then meter_price_id end) as new_meter_price_id,
        max(case when is_new = -1 then meter_price_id end) as old_meter_price_id,
        max(case when is_new = 1 then contract_price_id end) as new_contract_price_id,
        max(case when is_new = -1 then contract_price_id end) as old_contract_price_id,
        max(case when is_new = 1 then price_rule end) as new_price_rule,
        max(case when is_new = -1 then price_rule end) as old_price_rule,
        max(case when is_new = 1 then list_unit_price end) as new_list_unit_price,
        max(case when is_new = 1 then contracted_unit_price end) as new_contracted_unit_price,
        max(case when is_new = -1 then list_unit_price end) as old_list_unit_price,
        max(case when is_new = -1 then contracted_unit_price end) as old_contracted_unit_price,
        max(case when is_new = 1 then pricing_currency_list_unit_price end) as new_pricing_list_unit_price,
        max(case when is_new = 1 then pricing_currency_contracted_unit_price end) as new_pricing_contracted_unit_price,
        max(case when is_new = -1 then pricing_currency_list_unit_price end) as old_pricing_list_unit_price,
        max(case when is_new = -1 then pricing_currency_contracted_unit_price end) as old_pricing_contracted_unit_price,
        cast(sum(is_new * consumed_units) as {{ quantity_type() }}) as consumed_quantity,
        cast(sum(is_new * pricing_quantity) as {{ quantity_type() }}) as pricing_quantity,
        cast(sum(is_new * list_cost) as {{ cost_type() }}) as list_cost,
        cast(sum(is_new * contracted_cost) as {{ cost_type() }}) as contracted_cost,
        cast(sum(is_new * pricing_currency_contracted_cost) as {{ cost_type() }}) as pricing_currency_contracted_cost
    from compared
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22

)

select
    call_key,
    source_name,
    call_id,
    billing_account_id,
    billing_account_name,
    sub_account_id,
    sub_account_name,
    served_model,
    deployment,
    meter,
    slice_above,
    coalesce(new_meter_price_id, old_meter_price_id) as meter_price_id,
    case when greatest_sign = -1 then old_contract_price_id else new_contract_price_id end as contract_price_id,
    region_id,
    started_at,
    ended_at,
    charge_period_start,
    charge_period_end,
    reported_in as billing_period_start,
    'Usage' as charge_category,
    'Correction' as charge_class,
    -- what a call no longer says of itself is turned round in a row of its own
    case when greatest_sign = -1 then 'reversal' else 'correction' end as correction_kind,
    nullif(consumed_quantity, 0) as consumed_quantity,
    nullif(pricing_quantity, 0) as pricing_quantity,
    currency as billing_currency,
    -- a unit price is given where quantity times price is the cost
    case
        when least_sign = 1 or (new_list_unit_price = old_list_unit_price and consumed_quantity <> 0)
            then new_list_unit_price
        when greatest_sign = -1 then old_list_unit_price
    end as list_unit_price,
    case
        when least_sign = 1 or (new_contracted_unit_price = old_contracted_unit_price and consumed_quantity <> 0)
            then new_contracted_unit_price
        when greatest_sign = -1 then old_contracted_unit_price
    end as contracted_unit_price,
    list_cost,
    contracted_cost,
    contracted_cost as billed_cost,
    contracted_cost as effective_cost,
    case when pricing_currency <> currency then pricing_currency end as pricing_currency,
    case
        when
            pricing_currency <> currency
            and (least_sign = 1 or (new_list_unit_price = old_list_unit_price and consumed_quantity <> 0))
            then new_pricing_list_unit_price
        when pricing_currency <> currency and greatest_sign = -1 then old_pricing_list_unit_price
    end as pricing_currency_list_unit_price,
    case
        when
            pricing_currency <> currency
            and (least_sign = 1 or (new_contracted_unit_price = old_contracted_unit_price and consumed_quantity <> 0))
            then new_pricing_contracted_unit_price
        when pricing_currency <> currency and greatest_sign = -1 then old_pricing_contracted_unit_price
    end as pricing_currency_contracted_unit_price,
    case when pricing_currency <> currency then pricing_currency_contracted_cost end
        as pricing_currency_effective_cost,
    coalesce(new_price_rule, old_price_rule) as price_rule,
    tags_json,
    shared_tags_json
from netted
where
    list_cost <> 0
    or contracted_cost <> 0
    -- charged at nothing
    or consumed_quantity <> 0
