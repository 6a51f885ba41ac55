{#- Per billing period, account, department and currency the booked calls cost what the FOCUS rows say, and of
    the calls that a provider charges for they have the tokens, but for those that cost what their log states: they are
    charged for no token. -#}
with charges as (

    select * from {{ ref('focus_cost_and_usage') }}
    where
        -- what a source takes back is a credit of its call
        (ChargeCategory = 'Usage' or x_CostBasis = 'stated')
        -- a bucket is no call
        and x_CallId is not null

),

stated_calls as (

    select distinct
        charges.x_SourceName as source_name,
        charges.BillingAccountId as billing_account_id,
        charges.x_CallId as call_id,
        charges.BillingPeriodStart as billing_period_start
    from charges
    inner join {{ ref('ai_meters') }} as meters
        on charges.SkuMeter = meters.sku_meter
    where meters.meter = 'stated_call'

),

of_calls as (

    select
        calls.billing_account_id,
        calls.sub_account_id,
        calls.billing_period_start,
        calls.billing_currency,
        sum(calls.billed_cost) as billed_cost,
        sum(case when not calls.is_cache_hit and stated_calls.call_id is null then calls.total_tokens end) as tokens
    from {{ ref('ai_calls_booked') }} as calls
    left join stated_calls
        on
            calls.source_name = stated_calls.source_name
            and calls.billing_account_id = stated_calls.billing_account_id
            and calls.call_id = stated_calls.call_id
            and calls.billing_period_start = stated_calls.billing_period_start
    group by 1, 2, 3, 4

),

of_focus as (

    select
        charges.BillingAccountId as billing_account_id,
        charges.SubAccountId as sub_account_id,
        charges.BillingPeriodStart as billing_period_start,
        charges.BillingCurrency as billing_currency,
        sum(charges.BilledCost) as billed_cost,
        sum(
            case
                when charges.ConsumedUnit = 'Tokens' and stated_calls.call_id is null then charges.ConsumedQuantity
            end
        ) as tokens
    from charges
    left join stated_calls
        on
            charges.x_SourceName = stated_calls.source_name
            and charges.BillingAccountId = stated_calls.billing_account_id
            and charges.x_CallId = stated_calls.call_id
            and charges.BillingPeriodStart = stated_calls.billing_period_start
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
