with usage_of_calls as (

    select * from {{ ref('int_usage') }}

),

billing_periods as (

    select * from {{ ref('stg_billing__billing_periods') }}

),

billing_accounts as (

    select * from {{ ref('stg_currencies__billing_accounts') }}

),

contract_prices as (

    select * from {{ ref('stg_pricing__contract_prices') }}

),

providers as (

    select * from {{ ref('stg_pricing__providers') }}

),

source_fields as (

    select * from {{ ref('ai_source_fields') }}

),

number_paths as (

    {{ json_number_paths(ref('int_usage'), 'unread_usage_json') }}

),

-- older rows of LiteLLM have the usage object under another name; a key that is no name may be anybody's text
named_numbers as (

    select
        json_text,
        case
            when {{ matches('number_path', '[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*') }} then substr(number_path, 1, 120)
            else {{ dbt.split_part('number_path', "'.'", 1) }} || '.?'
        end as field,
        case
            when substr(number_path, 1, 24) = 'additional_usage_values.' then 'usage_object.' || substr(number_path, 25)
            else number_path
        end as path
    from number_paths

),

unread_numbers as (

    select
        'unread_number' as finding_type,
        usage_of_calls.source_name,
        named_numbers.field,
        {{ null_text() }} as raw_value,
        count(distinct usage_of_calls.call_key) as calls,
        min(usage_of_calls.charge_period_start) as first_charge_period_start,
        max(usage_of_calls.charge_period_start) as last_charge_period_start,
        'Find out what the provider counts there and whether it costs: the calls are priced without it.' as remedy
    from usage_of_calls
    inner join named_numbers
        on usage_of_calls.unread_usage_json = named_numbers.json_text
    where
        not exists (
            select 1 from source_fields
            where
                source_fields.source_name = usage_of_calls.source_name
                and substr(named_numbers.path || '.', 1, length(source_fields.path) + 1) = source_fields.path || '.'
        )
    group by usage_of_calls.source_name, named_numbers.field

),

-- a class of data, say, where the kind of spend belongs
unknown_classifications as (

    select
        'unknown_classification' as finding_type,
        source_name,
        'classification' as field,
        other_classification as raw_value,
        count(*) as calls,
        min(charge_period_start) as first_charge_period_start,
        max(charge_period_start) as last_charge_period_start,
        'Send investment or waste as x-cog-classification, and anything else under another tag.' as remedy
    from usage_of_calls
    where other_classification is not null
    group by source_name, other_classification

),

-- two clocks differ by seconds, a zone that was left out by hours
dated_after_ingestion as (

    select
        'dated_after_ingestion' as finding_type,
        source_name,
        'started_at' as field,
        {{ timestamp_text('max(charge_period_start)') }} as raw_value,
        count(*) as calls,
        min(charge_period_start) as first_charge_period_start,
        max(charge_period_start) as last_charge_period_start,
        'Check clock and zone of the source: a time without an offset is taken for UTC.' as remedy
    from usage_of_calls
    where charge_period_start > {{ later_by('second', 300, 'ingested_at') }}
    group by source_name

),

-- until when anything is known: the clock of whoever builds says nothing
known as (

    select max(coalesce(ingested_at, charge_period_start)) as known_until from usage_of_calls

),

usage_of_periods as (

    select
        providers.invoice_issuer_name,
        {{ billing_period_start('usage_of_calls.charge_period_start') }} as billing_period_start,
        count(*) as calls,
        min(usage_of_calls.charge_period_start) as first_charge_period_start,
        max(usage_of_calls.charge_period_start) as last_charge_period_start
    from usage_of_calls
    inner join providers
        on usage_of_calls.provider = providers.provider
    group by
        providers.invoice_issuer_name, {{ billing_period_start('usage_of_calls.charge_period_start') }}

),

closed_in_the_future as (

    select
        'closed_in_the_future' as finding_type,
        'billing' as source_name,
        'closed_at' as field,
        {{ timestamp_text(floor_to_second('billing_periods.closed_at')) }} as raw_value,
        coalesce(sum(usage_of_periods.calls), 0) as calls,
        min(usage_of_periods.first_charge_period_start) as first_charge_period_start,
        max(usage_of_periods.last_charge_period_start) as last_charge_period_start,
        'Check the date in billing_periods: until then nothing is late, and the month goes on changing.' as remedy
    from billing_periods
    cross join known
    left join usage_of_periods
        on
            billing_periods.invoice_issuer_name = usage_of_periods.invoice_issuer_name
            and billing_periods.billing_period_start = usage_of_periods.billing_period_start
    where billing_periods.closed_at > {{ later_by('day', 31, 'known.known_until') }}
    group by {{ timestamp_text(floor_to_second('billing_periods.closed_at')) }}

),

prices_of_unknown_accounts as (

    select distinct
        'unknown_account' as finding_type,
        'pricing' as source_name,
        'billing_account_id' as field,
        contract_prices.billing_account_id as raw_value,
        0 as calls,
        cast(null as {{ timestamp_type() }}) as first_charge_period_start,
        cast(null as {{ timestamp_type() }}) as last_charge_period_start,
        'Check the id in contract_prices: no call and no row of billing_accounts has it, so its prices are for nobody.'
            as remedy
    from contract_prices
    where
        not exists (
            select 1 from usage_of_calls
            where usage_of_calls.billing_account_id = contract_prices.billing_account_id
        )
        and not exists (
            select 1 from billing_accounts
            where billing_accounts.billing_account_id = contract_prices.billing_account_id
        )

),

-- departments that are sent in several ways
spelled as (

    select
        sub_account_id,
        sub_account_id_as_sent,
        min(source_name) as source_name,
        count(*) as calls,
        min(charge_period_start) as first_charge_period_start,
        max(charge_period_start) as last_charge_period_start,
        count(*) over (partition by sub_account_id) as spellings
    from usage_of_calls
    where
        sub_account_id_as_sent is not null
        and allocation_rule in ('departments', 'spelling')
    group by sub_account_id, sub_account_id_as_sent

),

departments_of_several_spellings as (

    select
        'department_spelled_differently' as finding_type,
        source_name,
        'sub_account_id' as field,
        sub_account_id_as_sent as raw_value,
        calls,
        first_charge_period_start,
        last_charge_period_start,
        'Nothing is lost: the spellings are taken for one department. Send one, so that other systems do so too.'
            as remedy
    from spelled
    where spellings > 1

),

departments as (

    select * from {{ ref('stg_allocation__departments') }}

),

rules_for_unknown_departments as (

    select distinct
        'unknown_department' as finding_type,
        'allocation' as source_name,
        'department' as field,
        rules.department as raw_value,
        0 as calls,
        cast(null as {{ timestamp_type() }}) as first_charge_period_start,
        cast(null as {{ timestamp_type() }}) as last_charge_period_start,
        'Check the department in allocation_rules: departments has no such id or name, so it is taken as it is.'
            as remedy
    from {{ ref('stg_allocation__rules') }} as rules
    where
        exists (select 1 from departments)
        and not exists (
            select 1 from departments
            where
                {{ department_key('departments.department_id') }} = {{ department_key('rules.department') }}
                or {{ department_key('departments.department_name') }} = {{ department_key('rules.department') }}
        )

),

own_and_other_prices as (

    select
        price_id,
        price_origin,
        provider || '/' || model || '/' || meter || '/' || service_tier || '/' || processing_mode
        || '/' || cast(context_tokens_gt as {{ text_type() }}) || '/' || coalesce(region_id, '')
        || '/' || coalesce(daily_window, '') || '/' || coalesce(weekdays, '') as price_key,
        unit_price,
        currency,
        coalesce(valid_from, {{ begin_of_time() }}) as valid_from,
        coalesce(valid_to, {{ end_of_time() }}) as valid_to,
        greatest(coalesce(valid_from, {{ begin_of_time() }}), known_from) as told_at
    from {{ ref('stg_pricing__list_prices') }}

),

last_own_prices as (

    select
        *,
        row_number() over (partition by price_key order by valid_from desc, told_at desc) as choice
    from own_and_other_prices
    where price_origin = 'list_prices'

),

newer_prices_beneath_own as (

    select distinct
        'newer_price_beneath_own' as finding_type,
        'pricing' as source_name,
        'unit_price' as field,
        last_own_prices.price_id as raw_value,
        0 as calls,
        cast(null as {{ timestamp_type() }}) as first_charge_period_start,
        cast(null as {{ timestamp_type() }}) as last_charge_period_start,
        'Check the row of list_prices, the book has a newer price: give it a valid_to, or repeat it with a later'
        || ' recorded_at if it still holds.' as remedy
    from last_own_prices
    inner join own_and_other_prices as others
        on
            last_own_prices.price_key = others.price_key
            and last_own_prices.choice = 1
    where
        others.price_origin <> 'list_prices'
        and others.told_at > last_own_prices.told_at
        and others.valid_from < last_own_prices.valid_to
        and others.valid_to > last_own_prices.valid_from
        and (others.unit_price <> last_own_prices.unit_price or others.currency <> last_own_prices.currency)

),

findings as (

    select * from unknown_classifications
    union all
    select * from dated_after_ingestion
    union all
    select * from closed_in_the_future
    union all
    select * from prices_of_unknown_accounts
    union all
    select * from departments_of_several_spellings
    union all
    select * from rules_for_unknown_departments
    union all
    select * from newer_prices_beneath_own
    union all
    select * from unread_numbers

)

select
    cast(finding_type as {{ text_type() }}) as finding_type,
    cast(source_name as {{ text_type() }}) as source_name,
    cast(field as {{ text_type() }}) as field,
    raw_value,
    cast(calls as {{ whole_type() }}) as calls,
    first_charge_period_start,
    last_charge_period_start,
    cast(remedy as {{ text_type() }}) as remedy
from findings
