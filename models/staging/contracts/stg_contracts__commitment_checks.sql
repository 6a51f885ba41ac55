{{ config(materialized='table') }}

{%- set content = [
    'commitment_id', 'contract_id', 'provider_name', 'invoice_issuer_name', 'offer_name',
    'offer_category', 'offer_origin', 'commitment_model', 'category', 'benefit_category',
    'contract_start_utc', 'contract_end_utc', 'commitment_start_utc', 'commitment_end_utc',
    'duration', 'fulfillment_interval', 'quantity', 'quantity_unit', 'unit_cost',
    'unit_cost_period', 'total_cost', 'currency', 'payment_model', 'upfront_pct',
    'payment_interval', 'discount_pct', 'scope_json', 'billing_account_id', 'status',
    'superseded_by', 'created_at_utc', 'updated_at_utc', 'source_document', 'description',
] -%}
{%- set amount = '[0-9]{1,20}([.][0-9]{0,18})?' -%}
{%- set quantity = '[0-9]{1,12}([.][0-9]{0,6})?' -%}
{%- set percentage = '0*(100([.]0{0,10})?|[0-9]{1,2}([.][0-9]{0,10})?)' -%}
{%- set no_amount = 'is no plain number of 0 or more with at most 18 decimals' -%}
{%- set no_quantity = 'is no plain number of 0 or more with at most 6 decimals' -%}
{%- set no_percentage = 'is no percentage from 0 to 100' -%}
{%- set checks = [
    ('commitment_id', 'commitment_id', 'commitment_id is null', ''),
    ('contract_id', 'contract_id', 'contract_id is null', ''),
    ('provider_name', 'provider_name', 'provider_name is null', ''),
    ('invoice_issuer_name', 'invoice_issuer', 'invoice_issuer is null', ''),
    ('offer_category', 'offer_category', 'contract_commitment_type is null',
        'is no known offer category'),
    ('offer_origin', 'offer_origin', 'contract_commitment_offer_category is null',
        'is neither negotiated nor public'),
    ('commitment_model', 'commitment_model', 'contract_commitment_model is null',
        'is neither Continuous nor Discontinuous'),
    ('category', 'category', 'contract_commitment_category is null', 'is neither Spend nor Usage'),
    ('benefit_category', 'benefit_category', 'contract_commitment_benefit_category is null',
        'is none of Discount, Entitlement, Availability, Other'),
    ('status', 'status', 'contract_commitment_lifecycle_status is null',
        'is no FOCUS lifecycle status'),
    ('commitment_start_utc', 'commitment_start_utc', 'contract_commitment_period_start is null',
        'is no date'),
    ('commitment_end_utc', 'commitment_end_utc', 'contract_commitment_period_end is null',
        'is no date'),
    ('commitment_end_utc', 'commitment_end_utc',
        'contract_commitment_period_end <= contract_commitment_period_start',
        'is not after the start'),
    ('contract_start_utc', 'contract_start_utc', 'contract_period_start is null', 'is no date'),
    ('contract_end_utc', 'contract_end_utc', 'contract_period_end is null', 'is no date'),
    ('contract_end_utc', 'contract_end_utc', 'contract_period_end <= contract_period_start',
        'is not after the start'),
    ('duration', 'duration', 'contract_commitment_duration_type is null',
        'is no ISO 8601 duration of one part, such as P1Y, P3M or P30D'),
    ('fulfillment_interval', 'fulfillment_interval',
        'contract_commitment_fulfillment_interval is null',
        'is no ISO 8601 duration of one part, such as PT1H or P1M'),
    ('currency', 'currency', 'billing_currency is null', 'is no ISO 4217 currency code'),
    ('total_cost', 'total_cost', 'total_cost is not null and not is_amount', no_amount),
    ('total_cost', 'total_cost',
        "total_cost is null and contract_commitment_category = 'Spend'", ''),
    ('quantity', 'quantity', "contract_commitment_category = 'Usage' and quantity is null", ''),
    ('quantity', 'quantity', "contract_commitment_category = 'Usage' and not is_quantity",
        no_quantity),
    ('quantity_unit', 'quantity_unit',
        "contract_commitment_category = 'Usage' and usage_unit is null",
        'has no FOCUS unit'),
    ('quantity', 'quantity',
        "contract_commitment_category = 'Usage'
        and coalesce(usage_quantity, 1000000000000) >= 1000000000000",
        'is too large once multiplied by its unit'),
    ('upfront_pct', 'upfront_pct', 'upfront_pct is not null and not is_upfront_percentage',
        no_percentage),
    ('payment_model', 'payment_model', 'contract_commitment_payment_model is null',
        'has no FOCUS payment model together with its upfront_pct'),
    ('payment_interval', 'payment_interval', 'contract_commitment_payment_interval is null',
        'is no ISO 8601 duration of one part, such as P1M'),
    ('discount_pct', 'discount_pct', 'discount_pct is not null and not is_discount_percentage',
        no_percentage),
    ('discount_pct', 'discount_pct',
        "discount_pct is null and contract_commitment_benefit_category = 'Discount'", ''),
    ('scope_json', 'scope_json', 'not is_scope_object', 'is no JSON object'),
    ('scope_json', 'scope_json', 'not is_scope_rule',
        'needs either one scope flag, or an InclusionOperator (And, Or) with Inclusions'),
    ('created_at_utc', 'created_at_utc', 'contract_commitment_created is null', 'is no date'),
    ('updated_at_utc', 'updated_at_utc', 'contract_commitment_last_updated is null', 'is no date'),
    ('updated_at_utc', 'updated_at_utc',
        'contract_commitment_last_updated < contract_commitment_created',
        'is before created_at_utc'),
] -%}

with

commitment_rows as (

    select * from {{ ref('stg_contracts__commitment_rows') }}

),

contracts as (

    select * from {{ ref('stg_contracts__contracts') }}

),

offers as (

    select * from {{ ref('ai_commitment_offers') }}

),

terms as (

    select * from {{ ref('ai_commitment_terms') }}

),

durations as (

    select * from {{ ref('ai_commitment_durations') }}

),

fulfillment_intervals as (

    select
        {{ duration_key(duration_unit('iso_interval'), duration_count('iso_interval')) }}
            as duration_key,
        fulfillment_interval as focus_interval
    from {{ ref('ai_fulfillment_intervals') }}

),

payment_intervals as (

    select
        {{ duration_key(duration_unit('iso_interval'), duration_count('iso_interval')) }}
            as duration_key,
        payment_interval as focus_interval
    from {{ ref('ai_payment_intervals') }}

),

payment_models as (

    select * from {{ ref('ai_payment_models') }}

),

units as (

    select * from {{ ref('ai_commitment_units') }}

),

currencies as (

    select * from {{ ref('ai_currencies') }}

),

unit_words as (

    -- '25K input TPM bundle' is 25 thousand of 'input TPM bundle'
    select
        commitment_rows.*,
        upper({{ dbt.split_part('quantity_unit', "' '", 1) }}) as unit_block
    from commitment_rows

),

parsed as (

    select
        unit_words.*,
        {{ commitment_content('unit_words', content) }} as content_hash,
        case
            when {{ matches('unit_block', '[0-9]{1,5}([.][0-9]{1,6})?[KM]?') }}
                then lower({{ trim_spaces('substr(quantity_unit, length(unit_block) + 1)') }})
            else lower(quantity_unit)
        end as unit_name,
        case
            when {{ matches('unit_block', '[0-9]{1,5}([.][0-9]{1,6})?[KM]?') }}
                then {{ try_price("replace(replace(unit_block, 'K', ''), 'M', '')") }}
            else cast(1 as {{ price_type() }})
        end as unit_block_size,
        case
            when {{ matches('unit_block', '[0-9.]+K') }} then 1000
            when {{ matches('unit_block', '[0-9.]+M') }} then 1000000
            else 1
        end as unit_block_factor,
        {%- for column in ['duration', 'fulfillment_interval', 'payment_interval'] %}
        {{ duration_unit(column) }} as {{ column }}_unit,
        {{ duration_count(column) }} as {{ column }}_count,
        {%- endfor %}
        coalesce({{ matches('total_cost', amount) }}, false) as is_amount,
        coalesce({{ matches('quantity', quantity) }}, false) as is_quantity,
        coalesce({{ matches('upfront_pct', percentage) }}, false) as is_upfront_percentage,
        coalesce({{ matches('discount_pct', percentage) }}, false) as is_discount_percentage,
        case
            when replace(coalesce(scope_json, '{}'), ' ', '') = '{}' then '{"IsGlobalScope":true}'
            else scope_json
        end as scope_text
    from unit_words

),

measured as (

    select
        parsed.*,
        {{ multiply_price(
            try_price('case when is_upfront_percentage then upfront_pct end'),
            "cast('0.01' as " ~ quantity_type() ~ ")"
        ) }} as upfront_share_of_cost,
        {{ multiply_price(
            try_price('case when is_discount_percentage then discount_pct end'),
            "cast('0.01' as " ~ quantity_type() ~ ")"
        ) }} as discount_share,
        {{ multiply_price(
            'unit_block_factor',
            try_quantity('case when is_quantity then quantity end')
        ) }} as quantity_of_block,
        {%- for column in ['duration', 'fulfillment_interval', 'payment_interval'] %}
        {{ duration_key(column ~ '_unit', column ~ '_count') }} as {{ column }}_key,
        {%- endfor %}
        substr(scope_text, 1, 1) = '{' and {{ is_json('scope_text') }} as is_scope_object
    from parsed

),

scoped as (

    select
        measured.*,
        {%- for key in [
            'IsGlobalScope', 'IsComplexScope', 'InclusionOperator', 'Inclusions',
            'ExclusionOperator', 'Exclusions',
        ] %}
        case
            when is_scope_object then nullif({{ json_text('scope_text', [key]) }}, '[]')
        end as scope_{{ key | lower }}{{ ',' if not loop.last }}
        {%- endfor %}
    from measured

),

joined as (

    select
        scoped.*,
        case
            when contracts.contract_id is not null then contracts.contract_period_start
            else {{ to_utc_timestamp('scoped.contract_start_utc') }}
        end as contract_period_start,
        case
            when contracts.contract_id is not null then contracts.contract_period_end
            else {{ to_utc_timestamp('scoped.contract_end_utc') }}
        end as contract_period_end,
        coalesce(scoped.invoice_issuer_name, contracts.invoice_issuer_name) as invoice_issuer,
        coalesce(scoped.billing_account_id, contracts.billing_account_id) as billing_account,
        case
            when scoped.currency is null then contracts.billing_currency
            else currencies.currency_code
        end as billing_currency,
        {{ to_utc_timestamp('scoped.commitment_start_utc') }} as contract_commitment_period_start,
        {{ to_utc_timestamp('scoped.commitment_end_utc') }} as contract_commitment_period_end,
        {{ to_utc_timestamp('scoped.created_at_utc') }} as contract_commitment_created,
        {{ to_utc_timestamp('scoped.updated_at_utc') }} as contract_commitment_last_updated,
        offers.contract_commitment_type,
        case
            when scoped.commitment_model is null then offers.model
            else models.focus_value
        end as contract_commitment_model,
        case
            when scoped.category is null then offers.category
            else categories.focus_value
        end as contract_commitment_category,
        case
            when scoped.benefit_category is not null then benefits.focus_value
            when scoped.discount_pct is not null then offers.benefit_category_with_discount
            else offers.benefit_category
        end as contract_commitment_benefit_category,
        case
            when scoped.offer_origin is null then offers.offer_origin
            else origins.focus_value
        end as contract_commitment_offer_category,
        statuses.focus_value as contract_commitment_lifecycle_status,
        cast(scoped.duration_count as {{ text_type() }}) || ' ' || durations.time_unit
        || case when scoped.duration_count = 1 then '' else 's' end
            as contract_commitment_duration_type,
        fulfillment_intervals.focus_interval as named_fulfillment_interval,
        payment_intervals.focus_interval as named_payment_interval,
        payment_models.payment_model as contract_commitment_payment_model,
        units.unit as usage_unit,
        case
            when scoped.quantity_of_block < 1000000000000
                then {{ multiply_price('scoped.unit_block_size', 'scoped.quantity_of_block') }}
        end as usage_quantity,
        coalesce(scoped.scope_isglobalscope, 'false') not in ('true', 'false')
        or coalesce(scoped.scope_iscomplexscope, 'false') not in ('true', 'false') as has_odd_flag
    from scoped
    left join contracts
        on
            scoped.contract_id = contracts.contract_id
            and lower(scoped.provider_name) = lower(contracts.service_provider_name)
    left join currencies
        on upper(scoped.currency) = currencies.currency_code
    left join offers
        on lower(scoped.offer_category) = lower(offers.offer_category)
    left join terms as models
        on models.term = 'model' and lower(scoped.commitment_model) = models.source_value
    left join terms as categories
        on categories.term = 'category' and lower(scoped.category) = categories.source_value
    left join terms as benefits
        on
            benefits.term = 'benefit_category'
            and lower(scoped.benefit_category) = benefits.source_value
    left join terms as origins
        on origins.term = 'offer_origin' and lower(scoped.offer_origin) = origins.source_value
    left join terms as statuses
        on statuses.term = 'status' and lower(scoped.status) = statuses.source_value
    left join durations
        on scoped.duration_unit = durations.iso_unit
    left join fulfillment_intervals
        on scoped.fulfillment_interval_key = fulfillment_intervals.duration_key
    left join payment_intervals
        on scoped.payment_interval_key = payment_intervals.duration_key
    left join payment_models
        on
            lower(scoped.payment_model) = payment_models.source_value
            and payment_models.upfront_share = case
                when scoped.upfront_pct is null then 'unstated'
                when scoped.upfront_share_of_cost = 1 then 'all'
                when scoped.upfront_share_of_cost = 0 then 'none'
                when scoped.upfront_share_of_cost > 0 then 'part'
            end
    left join units
        on scoped.unit_name = units.source_unit

),

mapped as (

    select
        joined.*,
        case
            when lower(fulfillment_interval) = 'transactional' then 'Transactional'
            -- FOCUS: a Continuous commitment never has the interval Full Period
            when
                contract_commitment_model = 'Discontinuous'
                and fulfillment_interval_key = duration_key
                then 'Full Period'
            when named_fulfillment_interval is not null then named_fulfillment_interval
            when fulfillment_interval_unit is not null then 'Custom'
        end as contract_commitment_fulfillment_interval,
        case
            when contract_commitment_payment_model = 'All Upfront' then 'One-Time'
            when named_payment_interval is not null then named_payment_interval
            when payment_interval_unit is not null then 'Custom'
        end as contract_commitment_payment_interval,
        case
            when not is_scope_object then true
            when has_odd_flag then false
            when scope_isglobalscope = 'true' and scope_iscomplexscope = 'true' then false
            when scope_exclusions is not null and coalesce(scope_exclusionoperator, '') = ''
                then false
            when scope_isglobalscope = 'true' or scope_iscomplexscope = 'true'
                then scope_inclusions is null and scope_inclusionoperator is null
            else
                scope_inclusions is not null
                and coalesce(scope_inclusionoperator, '') in ('And', 'Or')
        end as is_scope_rule
    from joined

),

checked as (

    select
        mapped.*,
        {{ first_fault(checks) }}
    from mapped

),

-- two records that changed last at one instant
compared as (

    select
        checked.*,
        {{ contradicts(
            'content_hash', ['commitment_id', 'lower(provider_name)', 'contract_commitment_last_updated']
        ) }} as is_contradicted
    from checked

)

select
    commitment_id,
    contract_id,
    provider_name,
    invoice_issuer,
    billing_account,
    offer_name,
    coalesce(description, offer_name) as contract_commitment_description,
    source_document,
    contract_period_start,
    contract_period_end,
    contract_commitment_period_start,
    contract_commitment_period_end,
    contract_commitment_type,
    contract_commitment_offer_category,
    contract_commitment_model,
    contract_commitment_category,
    contract_commitment_benefit_category,
    contract_commitment_lifecycle_status,
    contract_commitment_duration_type,
    contract_commitment_fulfillment_interval,
    contract_commitment_payment_model,
    contract_commitment_payment_interval,
    billing_currency,
    case
        when is_amount then {{ try_cost('total_cost') }}
    end as contract_commitment_cost,
    case
        when contract_commitment_category = 'Usage' and usage_quantity < 1000000000000
            then cast(usage_quantity as {{ quantity_type() }})
    end as contract_commitment_quantity,
    case
        when contract_commitment_category = 'Usage' then usage_unit
    end as contract_commitment_unit,
    case contract_commitment_payment_model
        when 'All Upfront' then cast(1 as {{ price_type() }})
        when 'No Upfront' then cast(0 as {{ price_type() }})
        else cast(upfront_share_of_cost as {{ price_type() }})
    end as contract_commitment_payment_upfront_percentage,
    case
        when contract_commitment_benefit_category <> 'Availability'
            then cast(discount_share as {{ price_type() }})
    end as contract_commitment_discount_percentage,
    scope_text as contract_commitment_applicability,
    contract_commitment_created,
    contract_commitment_last_updated,
    content_hash,
    {{ fault_or_contradiction(
        'commitment_id', 'is given twice with different values and one date of change'
    ) }},
    _file,
    _line
from compared
