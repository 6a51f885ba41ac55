-- What ai_restatements shows as differences of a billing period is what its corrections sum to.
with corrected as (

    select
        billing_period_start,
        billing_currency,
        sum(billed_cost) as billed_cost,
        sum(consumed_quantity) as consumed_quantity,
        count(distinct call_key) as calls
    from {{ ref('int_charges') }}
    where charge_class = 'Correction'
    group by billing_period_start, billing_currency

),

shown as (

    select
        billing_period_start,
        billing_currency,
        sum(billed_cost_difference) as billed_cost,
        sum(consumed_quantity_difference) as consumed_quantity,
        count(distinct call_key) as calls
    from {{ ref('ai_restatements') }}
    group by billing_period_start, billing_currency

)

select
    coalesce(corrected.billing_period_start, shown.billing_period_start) as billing_period_start,
    coalesce(corrected.billing_currency, shown.billing_currency) as billing_currency,
    corrected.billed_cost as corrected,
    shown.billed_cost as shown
from corrected
full outer join shown
    on
        corrected.billing_period_start = shown.billing_period_start
        and corrected.billing_currency = shown.billing_currency
where
    corrected.calls is null
    or shown.calls is null
    or corrected.billed_cost <> shown.billed_cost
    or corrected.consumed_quantity <> shown.consumed_quantity
    or corrected.calls <> shown.calls
