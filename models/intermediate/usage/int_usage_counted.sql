{#- One row per delivery of a call that counts or once counted: the record that came once, and of repeated ones, of
    equal ingested_at, the one that ended last, until one with a later ingested_at superseded it. Equal ends are told
    apart by tokens, then by the hash of the record, so that files read in another order give the same rows.

    A period that is closed keeps its calls. So a call that is delivered again for another provider, month or
    account is another call from then on: it has a key of its own there, and moved_at says when it left. (A
    gateway's key has the account in it.) -#}

{%- set columns = usage_columns(['usage']) -%}
{%- set of_call = 'partition by ranked.replaces_key order by ranked.ingested_at nulls first' -%}

{#- The records are read twice by their name: DuckDB would write a CTE that is read twice to memory, wide as it is. -#}
with repeated as (

    select * from {{ ref('int_usage_repeated') }}

),

provider_aliases as (

    select * from {{ ref('stg_pricing__provider_aliases') }}

),

ranked as (

    select
        records.*,
        {{ hash_of([
            'coalesce(provider_aliases.provider, lower(records.provider_as_sent))',
            timestamp_text(billing_period_start('records.started_at')),
            'records.billing_account_id',
        ]) }} as place,
        row_number() over (
            partition by records.replaces_key, records.ingested_at
            order by
                {{ record_order('records') }}
        ) as delivery_rank
    from {{ ref('int_usage_records') }} as records
    inner join repeated
        on records.replaces_key = repeated.call_key
    left join provider_aliases
        on lower(records.provider_as_sent) = provider_aliases.alias
    where records.fault_reason is null

)

select
    records.replaces_key as call_key,
    records.{{ columns | join(',\n    records.') }},
    cast(null as {{ timestamp_type() }}) as superseded_at,
    cast(null as {{ timestamp_type() }}) as moved_at
from {{ ref('int_usage_records') }} as records
left join repeated
    on records.replaces_key = repeated.call_key
where
    records.fault_reason is null
    and repeated.call_key is null

union all

select
    case
        when ranked.place = first_value(ranked.place) over ({{ of_call }}) then ranked.replaces_key
        else {{ hash_of(['ranked.replaces_key', 'ranked.place']) }}
    end as call_key,
    ranked.{{ columns | join(',\n    ranked.') }},
    lead(ranked.ingested_at) over ({{ of_call }}) as superseded_at,
    case
        when ranked.place <> lead(ranked.place) over ({{ of_call }})
            then lead(ranked.ingested_at) over ({{ of_call }})
    end as moved_at
from ranked
where ranked.delivery_rank = 1
