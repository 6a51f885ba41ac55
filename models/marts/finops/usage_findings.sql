with usage_of_calls as (

    select * from {{ ref('int_usage') }}

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

)

select
    cast(finding_type as {{ text_type() }}) as finding_type,
    source_name,
    cast(field as {{ text_type() }}) as field,
    raw_value,
    cast(calls as {{ whole_type() }}) as calls,
    first_charge_period_start,
    last_charge_period_start,
    cast(remedy as {{ text_type() }}) as remedy
from unknown_classifications
