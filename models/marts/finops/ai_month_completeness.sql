with month_sources as (

    select * from {{ ref('int_month_sources') }}

),

-- an account may fall silent while its log goes on, so a source is heard as a whole
heard as (

    select
        source_name,
        max(last_record_at) as last_record_at,
        max(last_ingested_at) as last_ingested_at
    from {{ ref('int_source_days') }}
    group by source_name

),

closed as (

    select distinct
        providers.provider,
        billing_periods.billing_period_start
    from {{ ref('stg_billing__billing_periods') }} as billing_periods
    inner join {{ ref('stg_pricing__providers') }} as providers
        on billing_periods.invoice_issuer_name = providers.invoice_issuer_name

),

judged as (

    select
        month_sources.billing_period_start,
        month_sources.source_name,
        max(month_sources.last_record_at) as last_record_at,
        min(case when closed.provider is null then 0 else 1 end) = 1 as is_closed,
        max(
            case
                when
                    heard.last_record_at >= {{ billing_period_end('month_sources.billing_period_start') }}
                    or heard.last_ingested_at >= {{ billing_period_end('month_sources.billing_period_start') }}
                    then 1
                else 0
            end
        ) = 1 as is_heard
    from month_sources
    inner join heard
        on month_sources.source_name = heard.source_name
    left join closed
        on
            month_sources.provider = closed.provider
            and month_sources.billing_period_start = closed.billing_period_start
    group by month_sources.billing_period_start, month_sources.source_name

),

of_months as (

    select
        billing_period_start,
        count(*) as sources,
        max(last_record_at) as usage_until,
        max(case when is_closed or is_heard then 0 else 1 end) = 0 as is_complete,
        min(case when is_closed then 1 else 0 end) = 1 as is_closed,
        {{ dbt.listagg(
            'case when not is_closed and not is_heard then source_name end', "', '", 'order by source_name'
        ) }} as waiting_for
    from judged
    group by billing_period_start

)

select
    billing_period_start,
    {{ billing_period_end('billing_period_start') }} as billing_period_end,
    is_complete,
    case
        when is_closed then 'closed'
        when is_complete then 'every_source_heard'
        else 'waiting'
    end as reason,
    cast(nullif(waiting_for, '') as {{ text_type() }}) as waiting_for,
    cast(sources as {{ whole_type() }}) as sources,
    usage_until
from of_months
