{{ config(materialized='table') }}

{#- One row per provider, closed billing period and period in which it is reported: first the period
    itself, with what was known when it closed, then each closed period after it, and last the first
    open one, which knows everything. What is known never shrinks. -#}

with closings as (

    select
        invoice_issuer_name,
        billing_period_start,
        closed_at,
        period_number,
        period_number - row_number() over (
            partition by invoice_issuer_name
            order by period_number
        ) as run_of_periods
    from {{ ref('stg_billing__billing_periods') }}

),

reported as (

    select
        period.invoice_issuer_name,
        period.billing_period_start,
        reporting.billing_period_start as reporting_period_start,
        reporting.period_number - period.period_number as knowledge_sequence,
        max(reporting.closed_at) over (
            partition by period.invoice_issuer_name, period.period_number
            order by reporting.period_number
            rows between unbounded preceding and current row
        ) as known_at
    from closings as period
    inner join closings as reporting
        on
            period.invoice_issuer_name = reporting.invoice_issuer_name
            and period.run_of_periods = reporting.run_of_periods
            and period.period_number <= reporting.period_number

    union all

    select
        period.invoice_issuer_name,
        period.billing_period_start,
        {{ billing_period_end('max(reporting.billing_period_start)') }} as reporting_period_start,
        max(reporting.period_number) - period.period_number + 1 as knowledge_sequence,
        {{ end_of_time() }} as known_at
    from closings as period
    inner join closings as reporting
        on
            period.invoice_issuer_name = reporting.invoice_issuer_name
            and period.run_of_periods = reporting.run_of_periods
    group by period.invoice_issuer_name, period.billing_period_start, period.period_number

),

versioned as (

    select
        reported.*,
        book_versions.book_version
    from reported
    inner join {{ ref('int_book_versions') }} as book_versions
        on reported.known_at = book_versions.known_at

),

providers as (

    select provider, invoice_issuer_name from {{ price_book('providers') }}

)

select
    providers.provider,
    versioned.billing_period_start,
    versioned.knowledge_sequence,
    versioned.reporting_period_start,
    versioned.known_at,
    versioned.book_version,
    lag(versioned.known_at) over (
        partition by providers.provider, versioned.billing_period_start
        order by versioned.knowledge_sequence
    ) as previous_known_at,
    lag(versioned.book_version) over (
        partition by providers.provider, versioned.billing_period_start
        order by versioned.knowledge_sequence
    ) as previous_book_version
from versioned
inner join providers
    on versioned.invoice_issuer_name = providers.invoice_issuer_name
