{#- Every month that has a charge or a call stands in ai_month_completeness, once. -#}
with months as (

    select distinct billing_period_start from {{ ref('int_charges') }}

    union distinct

    select distinct {{ billing_period_start('charge_period_start') }} as billing_period_start
    from {{ ref('int_usage') }}

)

select
    months.billing_period_start,
    count(judged.billing_period_start) as judgements
from months
left join {{ ref('ai_month_completeness') }} as judged
    on months.billing_period_start = judged.billing_period_start
group by months.billing_period_start
having count(judged.billing_period_start) <> 1
