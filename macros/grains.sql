{#- int_charges summed per UTC day or month of the usage: one row per stretch of time, billing period in which it is
    booked and everything that is not of one call, so that corrections stay apart from what was first charged. -#}
{% macro charges_by(unit) %}
{%- set of_one_charge = [
    'charge_id', 'correction_kind', 'charge_period_start', 'charge_period_end', 'call_key', 'call_id', 'started_at',
    'ended_at', 'deployment', 'tags_json',
] -%}
{%- set measures = [
    'commitment_quantity', 'consumed_quantity', 'pricing_quantity', 'list_cost', 'contracted_cost', 'billed_cost',
    'effective_cost', 'pricing_currency_effective_cost',
] -%}
{%- set dimensions = charge_columns() | reject('in', of_one_charge + measures) | list -%}
{%- set key = [timestamp_text('stretch_start')] + ([sql_text(unit)] if unit != 'day' else []) -%}
{%- for column in dimensions -%}
    {%- set type = charge_columns()[column] -%}
    {%- do key.append(
        timestamp_text(column) if type == timestamp_type()
        else price_text(column) if type == price_type()
        else 'cast(' ~ column ~ ' as ' ~ text_type() ~ ')' if type == whole_type()
        else column
    ) -%}
{%- endfor %}

with charges as (

    select
        *,
        cast({{ dbt.date_trunc(unit, 'charge_period_start') }} as {{ timestamp_type() }}) as stretch_start
    from {{ ref('int_charges') }}

),

summed as (

    select
        stretch_start,
        {{ dimensions | join(',\n        ') }},
        {%- for measure in measures %}
        sum({{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {%- endfor %}
    from charges
    group by
        stretch_start,
        {{ dimensions | join(',\n        ') }}
    -- what was turned round and charged again with these dimensions is no correction of their sum
    having
        charge_class is null
        {%- for measure in measures %}
        or sum(charges.{{ measure }}) <> 0
        {%- endfor %}

),

identified as (

    select
        {{ hash_of(key) }} as charge_id,
        stretch_start as charge_period_start,
        {{ later_by(unit, 1, 'stretch_start') }} as charge_period_end,
        {{ dimensions | join(',\n        ') }},
        shared_tags_json as tags_json,
        {{ measures | join(',\n        ') }}
    from summed

)

{{ select_charges('identified', ['charge_id', 'charge_period_start', 'charge_period_end', 'tags_json']
    + dimensions + measures) }}
{% endmacro %}

{#- For tests: the currencies in which the versions of a grain of Cost and Usage have not all the costs and quantities
    of the facts, or not as many rows as each other: by call, as the facts. A grain at a time, since DuckDB holds the
    sums of all versions at once. -#}
{% macro versions_with_other_totals(model, is_by_call=false) %}
{%- set versions = ['1.4', '1.3', '1.2', '1.1', '1.0'] -%}
{%- set measures = [
    ('consumed_quantity', 'ConsumedQuantity'), ('pricing_quantity', 'PricingQuantity'), ('list_cost', 'ListCost'),
    ('contracted_cost', 'ContractedCost'), ('billed_cost', 'BilledCost'), ('effective_cost', 'EffectiveCost'),
] -%}

with totals as (

    select
        false as is_of_version,
        billing_currency,
        count(*) as charges,
        {%- for fact, _ in measures %}
        coalesce(sum({{ fact }}), 0) as {{ fact }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_charges') }}
    group by billing_currency
    {%- for version in versions %}

    union all

    select
        true as is_of_version,
        BillingCurrency as billing_currency,
        count(*) as charges,
        {%- for fact, column in measures %}
        coalesce(sum({{ column }}), 0) as {{ fact }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(model, v=version) }}
    group by BillingCurrency
    {%- endfor %}

)

select
    billing_currency,
    count(*) as totals
from totals
group by billing_currency
having
    count(*) <> {{ versions | length + 1 }}
    or count(distinct {{ 'charges' if is_by_call else 'case when is_of_version then charges end' }}) <> 1
    {%- for fact, _ in measures %}
    or min({{ fact }}) <> max({{ fact }})
    {%- endfor %}
{% endmacro %}
