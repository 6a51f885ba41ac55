{#- Per billing account, month of the calls and currency the calls cost what the FOCUS rows say, so that no
    charge is lost on its way to FOCUS and no call counts twice; a call that is held back has no cost. A
    correction of a closed month stands in a later billing period, but belongs to the call. -#}
with of_calls as (

    select
        billing_account_id,
        usage_month,
        billing_currency,
        sum(billed_cost) as billed_cost
    from {{ ref('ai_calls') }}
    group by 1, 2, 3

),

of_focus as (

    select
        BillingAccountId as billing_account_id,
        {{ billing_period_start('ChargePeriodStart') }} as usage_month,
        BillingCurrency as billing_currency,
        sum(BilledCost) as billed_cost
    from {{ ref('focus_cost_and_usage') }}
    where
        -- what a source takes back is a credit of its call
        (ChargeCategory = 'Usage' or x_CostBasis = 'stated')
        -- a bucket is no call
        and x_CallId is not null
    group by 1, 2, 3

)

select
    coalesce(of_calls.billing_account_id, of_focus.billing_account_id) as billing_account_id,
    coalesce(of_calls.usage_month, of_focus.usage_month) as usage_month,
    coalesce(of_calls.billing_currency, of_focus.billing_currency) as billing_currency,
    of_calls.billed_cost as billed_cost_of_calls,
    of_focus.billed_cost as billed_cost_of_focus
from of_calls
full outer join of_focus
    on
        of_calls.billing_account_id = of_focus.billing_account_id
        and of_calls.usage_month = of_focus.usage_month
        and of_calls.billing_currency = of_focus.billing_currency
where coalesce(of_calls.billed_cost, 0) <> coalesce(of_focus.billed_cost, 0)
