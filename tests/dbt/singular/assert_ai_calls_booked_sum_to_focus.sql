{#- Per billing period, account, department and currency the booked calls cost what the FOCUS rows say, and of
    the calls that a provider charges for they have the tokens. -#}
with of_calls as (

    select
        billing_account_id,
        sub_account_id,
        billing_period_start,
        billing_currency,
        sum(billed_cost) as billed_cost,
        sum(case when not is_cache_hit then total_tokens end) as tokens
    from {{ ref('ai_calls_booked') }}
    group by 1, 2, 3, 4

),

of_focus as (

    select
        BillingAccountId as billing_account_id,
        SubAccountId as sub_account_id,
        BillingPeriodStart as billing_period_start,
        BillingCurrency as billing_currency,
        sum(BilledCost) as billed_cost,
        sum(case when ConsumedUnit = 'Tokens' then ConsumedQuantity end) as tokens
    from {{ ref('focus_cost_and_usage') }}
    where
        -- what a source takes back is a credit of its call
        (ChargeCategory = 'Usage' or x_CostBasis = 'stated')
        -- a bucket is no call
        and x_CallId is not null
    group by 1, 2, 3, 4

)

select
    coalesce(of_calls.billing_account_id, of_focus.billing_account_id) as billing_account_id,
    coalesce(of_calls.billing_period_start, of_focus.billing_period_start) as billing_period_start,
    coalesce(of_calls.billing_currency, of_focus.billing_currency) as billing_currency,
    of_calls.billed_cost as billed_cost_of_calls,
    of_focus.billed_cost as billed_cost_of_focus,
    of_calls.tokens as tokens_of_calls,
    of_focus.tokens as tokens_of_focus
from of_calls
full outer join of_focus
    on
        of_calls.billing_account_id = of_focus.billing_account_id
        and coalesce(of_calls.sub_account_id, '') = coalesce(of_focus.sub_account_id, '')
        and of_calls.billing_period_start = of_focus.billing_period_start
        and of_calls.billing_currency = of_focus.billing_currency
where
    coalesce(of_calls.billed_cost, 0) <> coalesce(of_focus.billed_cost, 0)
    or coalesce(of_calls.tokens, 0) <> coalesce(of_focus.tokens, 0)
