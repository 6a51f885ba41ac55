with source_days as (

    select * from {{ ref('int_source_days') }}

),

-- no clock: the newest record of any source is as late as the build knows
newest as (

    select
        max(last_record_at) as newest_record_at,
        max(usage_day) as newest_day
    from source_days

),

of_accounts as (

    select
        source_name,
        billing_account_id,
        sum(calls) as calls,
        min(first_record_at) as first_record_at,
        max(last_record_at) as last_record_at,
        max(last_ingested_at) as last_ingested_at,
        min(usage_day) as first_day,
        max(usage_day) as last_day,
        cast(count(distinct usage_day) as {{ whole_type() }}) as days_with_records
    from source_days
    group by 1, 2

)

select
    of_accounts.source_name,
    of_accounts.billing_account_id,
    cast(of_accounts.calls as {{ whole_type() }}) as calls,
    of_accounts.first_record_at,
    of_accounts.last_record_at,
    of_accounts.last_ingested_at,
    newest.newest_record_at,
    of_accounts.days_with_records,
    {{ days_between('of_accounts.first_day', 'newest.newest_day') }} + 1 - of_accounts.days_with_records
        as days_without_records,
    {{ days_between('of_accounts.last_day', 'newest.newest_day') }} as days_since_last_record
from of_accounts
cross join newest
