{#- Turns the reference (generated_rules.sql) into rules of one dataset version.

    A rule is {id, level, reads, predicate}: `predicate` is true for a row that breaks the rule; where
    it is null (a column that may be null is null) the row keeps the rule. `reads` are the columns it
    needs, the judged one first. `present` are the columns the relation has, `text_columns` those that
    arrive as text although FOCUS gives them another type (CSV): their text is in `_text_<column>`. -#}
{% macro focus_value_rules(dataset, focus_version, present, text_columns, exact) %}
{%- set reference = focus_reference(dataset, focus_version) -%}
{%- set found = [] -%}
{%- for column in reference['columns'] if column['name'] in present -%}
    {%- set name = column['name'] -%}
    {%- set id = dataset ~ '.' ~ name -%}
    {%- if name in text_columns -%}
        {%- set text = '_text_' ~ name -%}
        {%- if column['type'] == 'Decimal' -%}
            {%- do found.append({'id': id ~ '.type', 'level': 'must', 'reads': [text], 'predicate':
                'not ' ~ matches(text, '-?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][-+]?[0-9]+)?')}) -%}
        {%- elif column['type'] == 'Date/Time' -%}
            {%- do found.append({'id': id ~ '.type', 'level': 'must', 'reads': [text, name],
                'predicate': text ~ ' is not null and ' ~ name ~ ' is null'}) -%}
            {%- do found.append({'id': id ~ '.format', 'level': 'must', 'reads': [text], 'predicate':
                'not ' ~ matches(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z')}) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if not column['nullable'] -%}
        {%- do found.append({'id': id ~ '.not_null', 'level': 'must', 'reads': [name],
            'predicate': ('_text_' if name in text_columns else '') ~ name ~ ' is null'}) -%}
    {%- endif -%}
    {%- if column['null_when'] -%}
        {%- do found.append({'id': id ~ '.null_when', 'level': 'must',
            'reads': [name] + column['null_reads'],
            'predicate': name ~ ' is not null and (' ~ column['null_when'] ~ ')'}) -%}
    {%- endif -%}
    {%- if column['not_null_when'] -%}
        {%- do found.append({'id': id ~ '.not_null_when', 'level': 'must',
            'reads': [name] + column['not_null_reads'],
            'predicate': name ~ ' is null and (' ~ column['not_null_when'] ~ ')'}) -%}
    {%- endif -%}
    {%- if column['type'] in ('String', 'JSON') and column['feature'] != 'Custom' -%}
        {%- do found.append({'id': id ~ '.not_blank', 'level': 'must', 'reads': [name],
            'predicate': name ~ " = ''"}) -%}
    {%- endif -%}
    {%- if column['allowed'] -%}
        {%- do found.append({'id': id ~ '.allowed', 'level': 'must', 'reads': [name],
            'predicate': name ~ " not in ('" ~ column['allowed'] | join("', '") ~ "')"}) -%}
    {%- endif -%}
    {%- if column['format'] in ('currency', 'unit', 'key_value', 'json_object', 'duration') -%}
        {%- do found.append({'id': id ~ '.format', 'level': column['format_level'], 'reads': [name],
            'predicate': focus_format_predicate(column['format'], name)}) -%}
    {%- endif -%}
{%- endfor -%}
{%- for rule in reference['rules'] if rule['columns'][0] in present -%}
    {%- if rule['kind'] == 'row' -%}
        {%- do found.append({'id': rule['id'], 'level': rule['level'], 'reads': rule['reads'],
            'predicate': rule['expression']}) -%}
    {%- elif rule['kind'] == 'product' -%}
        {%- set differs = focus_product_differs(
            rule['columns'][0], rule['columns'][1], rule['columns'][2], exact) -%}
        {%- set condition = rule['expression'] ~ ' and ' if rule['expression'] else '' -%}
        {%- do found.append({'id': rule['id'], 'level': rule['level'], 'reads': rule['reads'],
            'predicate': condition ~ differs}) -%}
    {%- elif rule['kind'] == 'subcategory' -%}
        {%- do found.append({'id': rule['id'], 'level': rule['level'], 'reads': rule['reads'],
            'predicate': focus_subcategory_predicate(reference['subcategories'])}) -%}
    {%- endif -%}
{%- endfor -%}
{#- Where a mandatory column is missing its absence is the failure, not what would follow from it;
    any other missing column counts as null. -#}
{%- set missing = reference['columns'] | selectattr('feature', 'equalto', 'Mandatory')
    | map(attribute='name') | reject('in', present) | list -%}
{%- set judged = [] -%}
{%- for rule in found if rule['reads'] | select('in', missing) | list | length == 0 -%}
    {%- do judged.append(rule) -%}
{%- endfor -%}
{{ return(judged) }}
{% endmacro %}


{% macro focus_format_predicate(format, name) -%}
    {%- if format == 'currency' -%}
    {{ name }} not in ('{{ focus_currency_codes() | join("', '") }}')
    {%- elif format == 'unit' -%}
    {#- The plain list spares most rows the pattern. -#}
    {{ name }} not in ('Tokens', '1000 Tokens', '1000000 Tokens', 'Requests', 'Images', 'Hours')
    and not {{ matches(name, focus_unit_pattern()) }}
    {%- elif format == 'duration' -%}
    not {{ matches(name, '[1-9][0-9]* (Minute|Hour|Day|Week|Month|Quarter|Year)s?') }}
    {%- elif format == 'key_value' -%}
    {{ name }} is not null and not {{ focus_is_flat_json(name) }}
    {%- else -%}
    {{ name }} is not null and not {{ focus_is_json_object(name) }}
    {%- endif -%}
{%- endmacro %}


{#- A unit, `unit-time` or `unit/time`, each part capitalised (bits and their multiples apart), with an
    optional whole number in front: Tokens, 1000 Tokens, GB-Hours, GB/Hour, Requests/10 Minutes. -#}
{% macro focus_unit_pattern() -%}
    {%- set unit = '([A-Z][A-Za-z]*( [A-Z][A-Za-z]*)*|b)' -%}
    {%- set time = '(Year|Month|Week|Day|Hour|Minute|Second|Millisecond)s?' -%}
    {{- '([1-9][0-9]* )?' ~ unit ~ '(-' ~ time ~ '|/([1-9][0-9]* )?' ~ time ~ ')?' -}}
{%- endmacro %}


{% macro focus_subcategory_predicate(subcategories) -%}
    case ServiceCategory
    {%- for category, names in subcategories.items() %}
        when '{{ category }}' then ServiceSubcategory not in ('{{ names | join("', '") }}')
    {%- endfor %}
        else ServiceSubcategory is not null and ServiceCategory is not null
    end
{%- endmacro %}


{#- Rules on groups of rows: {id, level, key, value}: `key` has one `value`; without `value` it is unique. -#}
{% macro focus_group_rules(dataset, focus_version, present) %}
{%- set found = [] -%}
{%- for rule in focus_reference(dataset, focus_version)['rules'] if rule['kind'] in ('group', 'unique') -%}
    {%- if rule['columns'] | reject('in', present) | list | length == 0 -%}
        {%- do found.append({'id': rule['id'], 'level': rule['level'], 'key': rule['columns'][0],
            'value': rule['columns'][1] if rule['kind'] == 'group' else none}) -%}
    {%- endif -%}
{%- endfor -%}
{{ return(found) }}
{% endmacro %}
