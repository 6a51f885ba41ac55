-- One row per department and month, of FOCUS 1.4.
select
    SubAccountName as department,
    BillingPeriodStart as month_start,
    BillingCurrency as currency,
    sum(BilledCost) as cost,
    count(distinct x_CallId) as calls
from {{ ref('ai_focus', 'focus_cost_and_usage', v='1.4') }}
group by SubAccountName, BillingPeriodStart, BillingCurrency
