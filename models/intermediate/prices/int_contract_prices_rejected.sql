{#- Contract prices that cover no list price: they would be ignored, and the list price charged. And those of
    which nothing says whether they or others count. -#}

with contract_prices as (

    select
        *,
        max(known_from) over (partition by contract_price_id) as last_known_from
    from {{ ref('stg_pricing__contract_prices_checked') }}
    where
        fault_reason is null
        {%- if var('price_book_as_of') %}
        and known_from <= {{ price_book_as_of() }}
        {%- endif %}

),

candidates as (

    select
        contract_price_id,
        known_from,
        min(contradicted_price_id) as contradicted_price_id
    from {{ ref('int_contract_price_candidates') }}
    group by contract_price_id, known_from

)

select
    cast('pricing' as {{ text_type() }}) as source_name,
    cast('contract_prices' as {{ text_type() }}) as raw_table,
    contract_prices._file as file,
    contract_prices._line as line,
    contract_prices.contract_price_id as record_key,
    'contract_price_id' as field,
    {{ sql_text("contract_price_id '") }} || contract_prices.contract_price_id
    || case
        when candidates.contract_price_id is null
            then {{ sql_text(
                "' covers no list price: check provider, model, meter, service_tier, processing_mode and currency."
            ) }}
        else {{ sql_text("' contradicts '") }} || candidates.contradicted_price_id
            || {{ sql_text(
                "': both begin at once and name as much, with different prices. Take one out, or give the one that"
                ~ " counts a later recorded_at."
            ) }}
    end as reason,
    contract_prices.contract_price_id as raw_value
from contract_prices
left join candidates
    on
        contract_prices.contract_price_id = candidates.contract_price_id
        and contract_prices.known_from = candidates.known_from
where
    -- what was replaced has covered nothing and need not any more
    (candidates.contract_price_id is null and contract_prices.known_from = contract_prices.last_known_from)
    or candidates.contradicted_price_id is not null
