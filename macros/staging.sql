{#- What every staging model does alike: faults of a row, and which delivery of a record counts. -#}

{#- The first fault of a raw row, as fault_field, fault_reason and fault_value. `checks` is a list of
    (field, column, condition, words) in the order in which they are looked for; the reason reads
    "field 'value' words." and, where the column is empty, "field is missing." -#}
{% macro first_fault(checks) -%}
    case
        when _fault is not null then {{ null_text() }}
        {%- for field, column, condition, words in checks %}
        when {{ condition }} then '{{ field }}'
        {%- endfor %}
    end as fault_field,
    case
        when _fault is not null then _fault
        {%- for field, column, condition, words in checks %}
        when {{ condition }}
            then coalesce(
                {{ sql_text(field ~ " '") }} || substr({{ column }}, 1, 80) || {{ sql_text("' " ~ words ~ '.') }},
                '{{ field }} is missing.'
            )
        {%- endfor %}
    end as fault_reason,
    case
        when _fault is not null then {{ null_text() }}
        {%- for field, column, condition, words in checks %}
        when {{ condition }} then {{ column }}
        {%- endfor %}
    end as fault_value
{%- endmacro %}

{#- Faults of a text column that must be a whole number of zero or more when it is there. `readings` are the columns
    beside which stands how the counts of their file are written (count_reading); without it 1.000 is refused. -#}
{% macro whole_number_faults(columns, readings) %}
    {%- set faults = [] -%}
    {%- for column in columns -%}
        {%- do faults.append([
            column,
            column,
            column ~ '_number is null and length(' ~ column ~ ') > 10 and ' ~ matches(column, '[0-9]{11,}([.]0+)?'),
            'is too large for a count, which has 10 digits at most',
        ]) -%}
        {%- if column in readings -%}
            {%- do faults.append([
                column,
                column,
                is_ambiguous_count(column) ~ ' and ' ~ column ~ "_reading = 'separator'",
                'is a thousand with a separator, as others of its file have: write it without',
            ]) -%}
        {%- endif -%}
        {%- do faults.append([
            column,
            column,
            is_ambiguous_count(column) ~ (' and ' ~ column ~ '_reading is null' if column in readings else ''),
            'is ambiguous: write a thousand without a separator, and one without decimals',
        ]) -%}
        {%- do faults.append([
            column,
            column,
            column ~ '_number is null and ' ~ has_separator(column),
            'is no whole number, or a thousand with a separator: write it without',
        ]) -%}
        {%- do faults.append([
            column,
            column,
            column ~ ' is not null and (' ~ column ~ '_number is null or ' ~ column ~ '_number < 0)',
            'is not a whole number of zero or more',
        ]) -%}
    {%- endfor -%}
    {{ return(faults) }}
{% endmacro %}

{#- A hash of several texts. Each stands with its length, so that no two lists of texts run together. -#}
{% macro hash_of(columns) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append(
            "coalesce(cast(length(" ~ column ~ ") as " ~ text_type() ~ ") || ':', '-'), coalesce(" ~ column ~ ", '')") -%}
    {%- endfor -%}
    {{ text_hash('concat(' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}

{% macro text_hash(expression) %}{{ return(adapter.dispatch('text_hash', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__text_hash(expression) %}md5({{ expression }}){% endmacro %}
{% macro bigquery__text_hash(expression) %}to_hex(md5({{ expression }})){% endmacro %}

{#- The columns of rejected_rows for a staging model that carries first_fault(). -#}
{% macro rejected_rows_of(relation, source_name, raw_table, record_key) -%}
select
    cast('{{ source_name }}' as {{ text_type() }}) as source_name,
    cast('{{ raw_table }}' as {{ text_type() }}) as raw_table,
    _file as file,
    _line as line,
    {{ record_key }} as record_key,
    fault_field as field,
    fault_reason as reason,
    fault_value as raw_value
from {{ relation }}
where fault_reason is not null
{%- endmacro %}

{#- Keys of the valid deliveries that came more than once: few, so that only they need ranking. -#}
{% macro repeated_keys(relation, key) -%}
select {{ key }}
from {{ relation }}
where fault_reason is null
group by {{ key }}
having count(*) > 1
{%- endmacro %}

{#- The valid delivery that came once, and of the repeated ones those that counted at some time: of equal
    ingested_at the first in the order given, until one with a later ingested_at superseded it. The order
    names every column that can differ, so that files read in another order give the same rows.

    A period that is closed keeps its calls. So a call that is delivered again for another provider, month or
    account is another call from then on: it has a key of its own there, and left_at says when it left. (A
    gateway's call key has the account in it.) -#}
{% macro deliveries_that_count(relation, repeated, columns, order_by) -%}
{%- set others = columns | reject('equalto', 'call_key') | list %}
{%- set of_call = 'partition by ranked.call_key order by ranked.ingested_at nulls first' -%}
select
    delivered.call_key,
    delivered.{{ others | join(', delivered.') }},
    cast(null as {{ timestamp_type() }}) as superseded_at,
    cast(null as {{ timestamp_type() }}) as left_at
from {{ relation }} as delivered
left join {{ repeated }} as repeated
    on delivered.call_key = repeated.call_key
where
    delivered.fault_reason is null
    and repeated.call_key is null

union all

select
    case
        when ranked.place = first_value(ranked.place) over ({{ of_call }}) then ranked.call_key
        else {{ hash_of(['ranked.call_key', 'ranked.place']) }}
    end as call_key,
    ranked.{{ others | join(', ranked.') }},
    lead(ranked.ingested_at) over ({{ of_call }}) as superseded_at,
    case
        when ranked.place <> lead(ranked.place) over ({{ of_call }})
            then lead(ranked.ingested_at) over ({{ of_call }})
    end as left_at
from (
    select
        delivered.*,
        {{ hash_of([
            'coalesce(provider_aliases.provider, lower(delivered.provider))',
            timestamp_text(billing_period_start('delivered.started_at')),
            'delivered.billing_account_id',
        ]) }} as place,
        row_number() over (
            partition by delivered.call_key, delivered.ingested_at
            order by delivered.{{ order_by | join(' nulls last, delivered.') }} nulls last
        ) as delivery_rank
    from {{ relation }} as delivered
    inner join {{ repeated }} as repeated
        on delivered.call_key = repeated.call_key
    left join {{ price_book('provider_aliases') }} as provider_aliases
        on lower(delivered.provider) = provider_aliases.alias
    where delivered.fault_reason is null
) as ranked
where ranked.delivery_rank = 1
{%- endmacro %}

{#- What a provider says of usage: LiteLLM keeps it in usage_object, older rows in additional_usage_values. -#}
{% macro litellm_usage_detail(paths, path) -%}
coalesce(
            {{ text_in('metadata', paths, ['usage_object'] + path) }},
            {{ text_in('metadata', paths, ['additional_usage_values'] + path) }}
        )
{%- endmacro %}
