{#- What usage sources have in common. Their columns stand in models/staging/usage_columns.csv, from which
    macros/usage_columns.sql is written. Macros stand here with the project's name, since a model of another project
    that calls one of them knows no others. -#}

{#- Names of the common columns, in their order: those of the delivered row (row), of which delivery counts
    (record) and of the usage itself (usage), or of some of the three. -#}
{% macro usage_columns(about=['row', 'record', 'usage']) %}
    {%- set names = [] -%}
    {%- for column in ai_focus.all_usage_columns() if column.about in about -%}
        {%- do names.append(column.name) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}

{#- The common columns that a source has nothing to say of, as nulls, zeros and false of their types. `own` names
    those that its model selects itself; one that every source must have and that isn't among them is an error. -#}
{% macro other_usage_columns(own) -%}
    {%- set types = {
        'boolean': 'boolean',
        'cost': ai_focus.cost_type(),
        'milliseconds': ai_focus.decimal_type(15, 3),
        'quantity': ai_focus.quantity_type(),
        'text': ai_focus.text_type(),
        'timestamp': ai_focus.timestamp_type(),
        'whole': ai_focus.whole_type(),
    } -%}
    {%- set lines = [] -%}
    {%- set missing = [] -%}
    {#- the list of sources names the source -#}
    {%- for column in ai_focus.all_usage_columns() if column.name not in own + ['source_name'] -%}
        {%- if column.otherwise -%}
            {%- do lines.append('cast(' ~ column.otherwise ~ ' as ' ~ types[column.type] ~ ') as ' ~ column.name) -%}
        {%- else -%}
            {%- do missing.append(column.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set unknown = own | reject('in', ai_focus.usage_columns()) | list -%}
    {%- if missing or unknown -%}
        {{ exceptions.raise_compiler_error(
            'A usage source must have ' ~ missing | join(', ') ~ ' among its own columns.' if missing
            else 'No usage source has a column ' ~ unknown | join(', ') ~ '.') }}
    {%- endif -%}
{{ lines | join(',\n    ') }}
{%- endmacro %}

{#- A hash of all fields of a delivered record, whatever is read of them: equal for a record that was delivered
    again as it was, on every engine. `columns` are texts, none of them empty where it is not null; without them
    they are those of the raw table. `later` are columns that came after there were hashes: they change none where
    they are null. -#}
{% macro record_hash(table, columns=none, later=[]) -%}
    {%- set fields = [ai_focus.sql_text(table)] -%}
    {%- for column in columns or raw_columns(table) | map(attribute='alias') if column not in later -%}
        {%- do fields.append('coalesce(' ~ column ~ ", '')") -%}
    {%- endfor -%}
    {%- set named = [fields | join(', chr(31), ')] -%}
    {%- for column in later -%}
        {%- do named.append("coalesce(chr(31) || '" ~ column ~ "=' || " ~ column ~ ", '')") -%}
    {%- endfor -%}
    {{ ai_focus.text_hash('concat(' ~ named | join(', ') ~ ')') }}
{%- endmacro %}

{#- What a call has of a meter: the quantity that it is counted in, less what other meters count of it. -#}
{% macro usage_quantity(meter) %}{{ return(([meter.counted_in] + meter.less) | join(' - ')) }}{% endmacro %}

{#- Columns of what a call counts beside tokens and searches: images, pages, seconds and so on. -#}
{% macro unit_columns() %}
    {%- set of_usage = ai_focus.usage_columns(['usage']) -%}
    {%- set columns = [] -%}
    {%- for meter in ai_focus.usage_meters() | rejectattr('meter', 'in', ai_focus.stated_meters())
        if meter.counted_in in of_usage and not meter.counted_in.endswith('_tokens') -%}
        {%- do columns.append(meter.counted_in) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{#- The sum of all that a call counts, each thing once: zero says that nothing is counted. -#}
{% macro counted_usage(relation) -%}
{%- set columns = ['prompt_tokens', 'completion_tokens', 'web_search_requests'] + ai_focus.unit_columns() -%}
{{ relation }}.{{ columns | join(' + ' ~ relation ~ '.') }}
{%- endmacro %}

{#- The department that a sub account is, as a tag, unless the source itself tagged one. -#}
{% macro department_member(sub_account_id, sub_account_name, tags) -%}
case
            when {{ sub_account_id }} is null or {{ json_has_member(tags, 'x-cost-department') }} then ''
            else {{ json_member('x-cost-department', 'coalesce(' ~ sub_account_name ~ ', ' ~ sub_account_id ~ ')') }}
        end
{%- endmacro %}

{#- In which order records of one id and one stamp are taken; the first counts. The hash stands last, so that files read
    in another order give the same rows. -#}
{% macro record_order(record) -%}
{{ record }}.ended_at desc nulls last,
                {{ record }}.completion_tokens desc nulls last,
                {{ record }}.prompt_tokens desc nulls last,
                {{ record }}.record_hash
{%- endmacro %}

{#- What people call a key; a key itself or its hash, written where its name belongs, is let go. -#}
{% macro key_alias_of(expression) -%}
case
            when lower({{ expression }}) like 'sk-%' then {{ null_text() }}
            when length({{ expression }}) = 64 and {{ matches('lower(' ~ expression ~ ')', '[0-9a-f]{64}') }} then {{ null_text() }}
            else nullif({{ trim_spaces(expression) }}, '')
        end
{%- endmacro %}

{#- What a source says in a column of its own as a tag, unless it sent that tag itself. -#}
{% macro column_member(key, column, tags) -%}
case
            when {{ column }} is null or {{ json_has_member(tags, key) }} then ''
            else {{ json_member(key, column) }}
        end
{%- endmacro %}

{#- Meters of amounts that a source states beside what is counted: one of each, at the amount. -#}
{% macro stated_meters() %}
    {%- set found = [] -%}
    {%- for meter in ai_focus.usage_meters() if meter.meter.startswith('stated_') -%}
        {%- do found.append(meter.meter) -%}
    {%- endfor -%}
    {{ return(found) }}
{% endmacro %}

{% macro stated_meter_list() %}'{{ ai_focus.stated_meters() | join("', '") }}'{% endmacro %}

{#- All that sources state is in USD. -#}
{% macro stated_currency() %}cast('USD' as {{ text_type() }}){% endmacro %}

{#- The key of the price of such an amount, and of its SKU. -#}
{% macro stated_price_id(provider, name, meter) -%}
'stated:' || {{ provider }} || '/' || {{ name }} || '/' || {{ meter }}
{%- endmacro %}
