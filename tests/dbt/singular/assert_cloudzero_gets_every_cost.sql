{#- What CloudZero gets of a month and currency is what FOCUS has there, in each of its costs. -#}
with focus as (

    select
        BillingPeriodStart as billing_period_start,
        BillingCurrency as billing_currency,
        sum(BilledCost) as billed_cost,
        sum(EffectiveCost) as effective_cost,
        sum(ListCost) as list_cost
    from {{ ref('focus_cost_and_usage', v='1.4') }}
    group by
        BillingPeriodStart,
        BillingCurrency

),

cloudzero as (

    select
        billing_period_start,
        billing_currency,
        sum(cost) as cost,
        sum(discounted_cost) as discounted_cost,
        sum(amortized_cost) as amortized_cost,
        sum(discounted_amortized_cost) as discounted_amortized_cost,
        sum(on_demand_cost) as on_demand_cost
    from {{ ref('cloudzero_cbf') }}
    group by
        billing_period_start,
        billing_currency

)

select
    coalesce(focus.billing_period_start, cloudzero.billing_period_start) as billing_period_start,
    coalesce(focus.billing_currency, cloudzero.billing_currency) as billing_currency
from focus
full outer join cloudzero
    on
        focus.billing_period_start = cloudzero.billing_period_start
        and focus.billing_currency = cloudzero.billing_currency
where
    coalesce(focus.billed_cost, 0) <> coalesce(cloudzero.cost, 0)
    or coalesce(focus.billed_cost, 0) <> coalesce(cloudzero.discounted_cost, 0)
    or coalesce(focus.effective_cost, 0) <> coalesce(cloudzero.amortized_cost, 0)
    or coalesce(focus.effective_cost, 0) <> coalesce(cloudzero.discounted_amortized_cost, 0)
    or coalesce(focus.list_cost, 0) <> coalesce(cloudzero.on_demand_cost, 0)
