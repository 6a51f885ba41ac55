{#- A value inside JSON text as plain text, or null; `path` is a list of keys. -#}
{% macro json_text(expression, path) %}
{{- return(adapter.dispatch('json_text', 'ai_focus')(expression, path)) -}}
{% endmacro %}

{% macro default__json_text(expression, path) -%}
json_extract_string({{ expression }}, '$.{{ path | join(".") }}')
{%- endmacro %}

{% macro snowflake__json_text(expression, path) -%}
cast(get_path({{ snowflake__json(expression) }}, '{{ path | join(".") }}') as varchar)
{%- endmacro %}

{#- A string, number or boolean as JSON_VALUE gives it; an object or array as JSON text. -#}
{% macro bigquery__json_text(expression, path) -%}
coalesce(
    json_value({{ expression }}, '$.{{ path | join(".") }}'),
    nullif(json_query({{ expression }}, '$.{{ path | join(".") }}'), 'null')
)
{%- endmacro %}

{#- JSON text made ready for several paths, of which text_in() gives one as json_text() does; null where it is no
    JSON. DuckDB parses a text once for a list of paths, and keeps the buffers of every other expression: with
    one for each of forty paths, 1,200 rows of 12 KB did not fit into 2 GB. -#}
{% macro json_texts(expression, paths) %}
{{- return(adapter.dispatch('json_texts', 'ai_focus')(expression, paths)) -}}
{% endmacro %}

{% macro default__json_texts(expression, paths) %}case when {{ is_json(expression) }} then {{ expression }} end{% endmacro %}

{% macro duckdb__json_texts(expression, paths) -%}
try(json_extract_string({{ expression }}, [
            {%- for path in paths %}
                '$.{{ path | join(".") }}'{{ ',' if not loop.last }}
            {%- endfor %}
            ]))
{%- endmacro %}

{% macro text_in(column, paths, path) %}
{{- return(adapter.dispatch('text_in', 'ai_focus')(column, paths, path)) -}}
{% endmacro %}

{% macro default__text_in(column, paths, path) %}{{ json_text(column, path) }}{% endmacro %}
{% macro duckdb__text_in(column, paths, path) %}{{ column }}[{{ paths.index(path) + 1 }}]{% endmacro %}

{#- Of a key that comes twice Snowflake takes the last, in place of no value at all. -#}
{% macro snowflake__json(expression) %}try_parse_json({{ expression }}, 'd'){% endmacro %}

{% macro is_json(expression) %}{{ return(adapter.dispatch('is_json', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__is_json(expression) %}json_valid({{ expression }}){% endmacro %}
{% macro snowflake__is_json(expression) %}{{ snowflake__json(expression) }} is not null{% endmacro %}
{% macro bigquery__is_json(expression) %}{{ bigquery__json(expression) }} is not null{% endmacro %}

{#- A number that no double holds is rounded, not refused: every text of a number is JSON. -#}
{% macro bigquery__json(expression) %}safe.parse_json({{ expression }}, wide_number_mode => 'round'){% endmacro %}

{#- A member of a JSON object as plain text, or null; its key may have hyphens, unlike a path's. -#}
{% macro json_member_value(expression, key) %}
{{- return(adapter.dispatch('json_member_value', 'ai_focus')(expression, key)) -}}
{% endmacro %}

{% macro default__json_member_value(expression, key) -%}
json_extract_string({{ expression }}, '/{{ key }}')
{%- endmacro %}

{% macro snowflake__json_member_value(expression, key) -%}
cast(get_path({{ snowflake__json(expression) }}, '["{{ key }}"]') as varchar)
{%- endmacro %}

{% macro bigquery__json_member_value(expression, key) -%}
json_value({{ expression }}, '$."{{ key }}"')
{%- endmacro %}

{#- Text as a JSON string with its quotes. -#}
{% macro json_string(expression) %}{{ return(adapter.dispatch('json_string', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__json_string(expression) %}cast(to_json({{ expression }}) as varchar){% endmacro %}
{% macro snowflake__json_string(expression) %}to_json(to_variant({{ expression }})){% endmacro %}
{#- Of null, TO_JSON_STRING makes the text null. -#}
{% macro bigquery__json_string(expression) %}if({{ expression }} is null, null, to_json_string({{ expression }})){% endmacro %}

{#- What stands within a JSON text that is one string, as where an export wrote JSON within JSON, null where that is
    no JSON; other JSON as it is. -#}
{% macro json_within_json(expression) -%}
{%- set text = text_of_json_string(expression) -%}
case when {{ expression }} not like '"%' then {{ expression }} when {{ is_json(text) }} then {{ text }} end
{%- endmacro %}

{% macro text_of_json_string(expression) %}
{{- return(adapter.dispatch('text_of_json_string', 'ai_focus')(expression)) -}}
{% endmacro %}
{% macro default__text_of_json_string(expression) %}json_extract_string({{ expression }}, '$'){% endmacro %}
{#- As a member of a list, since of that one the quotes go on emulators too. -#}
{% macro snowflake__text_of_json_string(expression) -%}
{%- set listed = "'[' || " ~ expression ~ " || ']'" -%}
cast(get_path({{ snowflake__json(listed) }}, '[0]') as varchar)
{%- endmacro %}
{% macro bigquery__text_of_json_string(expression) %}json_value({{ expression }}, '$'){% endmacro %}

{#- ',"key":"value"' or nothing: the members of a flat object, to be joined and cut. -#}
{% macro json_member(key, expression) -%}
coalesce(',"{{ key }}":' || {{ json_string(expression) }}, '')
{%- endmacro %}

{#- A flat JSON object of text members, null when it would be empty. `members` are expressions that
    begin with a comma or are empty. -#}
{% macro json_object(members) -%}
nullif('{' || substr({{ members | join(' || ') }}, 2) || '}', '{}')
{%- endmacro %}

{#- The members of a flat object that json_object() made, for another one. -#}
{% macro json_members(expression) -%}
coalesce(',' || substr({{ expression }}, 2, length({{ expression }}) - 2), '')
{%- endmacro %}

{#- Whether a flat object that json_object() made has a member. A quote within a key or a text stands behind a
    backslash there, so that nothing else reads the same. -#}
{% macro json_has_member(expression, key) -%}
coalesce({{ expression }} like '{"{{ key }}":%' or {{ expression }} like '%,"{{ key }}":%', false)
{%- endmacro %}

{#- The next three take a column with its relation (calls.headers), because of snowflake__json_members.

    The members of a JSON object whose lower-case key begins with `prefix` and is not in `except`,
    as ',"key":"value"…' in the order of their keys; '' when there are none. -#}
{% macro json_members_like(expression, prefix, except) %}
{{- return(adapter.dispatch('json_members_like', 'ai_focus')(expression, prefix, except)) -}}
{% endmacro %}

{#- The text of the member that a column names. A JSON pointer: unlike a path it takes any key. -#}
{% macro duckdb__json_member_text(expression, key) -%}
json_extract_string({{ expression }}, '/' || replace(replace({{ key }}, '~', '~0'), '/', '~1'))
{%- endmacro %}

{% macro duckdb__json_members_like(expression, prefix, except) -%}
case
    when {{ expression }} is null or not json_valid({{ expression }}) then ''
    else coalesce(
        array_to_string(
            list_transform(
                list_sort(list_distinct(list_transform(
                    list_filter(
                        json_keys({{ expression }}),
                        lambda key: starts_with(lower(key), '{{ prefix }}')
                            and not list_contains({{ except }}, lower(key))
                            and {{ duckdb__json_member_text(expression, 'key') }} <> ''
                    ),
                    lambda key: lower(key)
                ))),
                lambda name: ',' || to_json(name) || ':' || to_json(
                    list_aggregate(
                        list_transform(
                            list_filter(json_keys({{ expression }}), lambda key: lower(key) = name),
                            lambda key: {{ duckdb__json_member_text(expression, 'key') }}
                        ),
                        'min'
                    )
                )
            ),
            ''
        ),
        ''
    )
end
{%- endmacro %}

{#- Snowflake knows no FLATTEN of a column of an outer query. So all texts of the relation are taken apart,
    each once, and a text finds its members by itself. -#}
{% macro snowflake__json_members(expression, name, text, condition, value) -%}
{%- set relation, column = expression.split('.') -%}
coalesce(
    (
        select max(of_text.members)
        from (
            select
                json_text,
                listagg(',' || to_json(to_variant(member_name)) || ':' || {{ value }}, '')
                    within group (order by member_name) as members
            from (
                select
                    texts.json_text,
                    {{ name }} as member_name,
                    min({{ text }}) as member_text
                from
                    (select distinct {{ column }} as json_text from {{ relation }}) as texts,
                    lateral flatten(input => {{ snowflake__json('texts.json_text') }}) as member
                where {{ condition }}
                group by texts.json_text, {{ name }}
            ) as named
            group by json_text
        ) as of_text
        where of_text.json_text = {{ expression }}
    ),
    ''
)
{%- endmacro %}

{% macro snowflake__json_members_like(expression, prefix, except) -%}
{%- set text = 'cast(member.value as varchar)' -%}
{%- set condition -%}
startswith(lower(member.key), '{{ prefix }}')
                    and lower(member.key) not in ({{ except[1:-1] }})
                    and {{ text }} <> ''
{%- endset -%}
{{ snowflake__json_members(expression, 'lower(member.key)', text, condition, 'to_json(to_variant(member_text))') }}
{%- endmacro %}

{#- The members of a JSON object as rows (name, text). JSON_KEYS puts a key with a dot or a quote in quotes. -#}
{% macro bigquery__json_members(expression) -%}
(
            select
                name,
                coalesce(
                    json_value(object[name]),
                    nullif(to_json_string(object[name]), 'null')
                ) as text
            from (
                select
                    {{ bigquery__json(expression) }} as object,
                    if(starts_with(path, '"'), json_value(path), path) as name
                from unnest(json_keys({{ bigquery__json(expression) }}, 1)) as path
            )
        )
{%- endmacro %}

{% macro bigquery__json_members_like(expression, prefix, except) -%}
coalesce(
    (
        select string_agg(concat(',', to_json_string(lower_name), ':', to_json_string(first_text)), '' order by lower_name)
        from (
            select
                lower(name) as lower_name,
                min(text) as first_text
            from {{ bigquery__json_members(expression) | indent(4) }}
            where starts_with(lower(name), '{{ prefix }}') and lower(name) not in unnest({{ except }})
            group by lower(name)
            having max(text) <> ''
        )
    ),
    ''
)
{%- endmacro %}

{#- LiteLLM's request tags, a JSON list such as ["app:checkout", "urgent"], as members of an object:
    a tag without a colon is worth true (FOCUS Tags: a valueless tag is `true`); of two tags with one
    key the first value in order of their text counts. -#}
{% macro json_members_of_tag_list(expression) %}
{{- return(adapter.dispatch('json_members_of_tag_list', 'ai_focus')(expression)) -}}
{% endmacro %}

{% macro duckdb__json_members_of_tag_list(expression) -%}
case
    when {{ expression }} is null or not json_valid({{ expression }}) or json_type({{ expression }}) <> 'ARRAY' then ''
    else coalesce(
        array_to_string(
            list_transform(
                list_sort(list_filter(
                    list_distinct(list_transform(
                        from_json({{ expression }}, '["VARCHAR"]'), lambda tag: trim(split_part(tag, ':', 1))
                    )),
                    lambda name: name <> ''
                )),
                lambda name: ',' || to_json(name) || ':' || coalesce(
                    cast(to_json(nullif(list_aggregate(
                        list_transform(
                            list_filter(
                                from_json({{ expression }}, '["VARCHAR"]'),
                                lambda tag: trim(split_part(tag, ':', 1)) = name
                            ),
                            lambda tag: trim(substr(tag, length(split_part(tag, ':', 1)) + 2))
                        ),
                        'min'
                    ), '')) as varchar),
                    'true'
                )
            ),
            ''
        ),
        ''
    )
end
{%- endmacro %}

{% macro snowflake__json_members_of_tag_list(expression) -%}
{%- set tag = 'cast(member.value as varchar)' -%}
{%- set name = 'trim(split_part(' ~ tag ~ ", ':', 1))" -%}
{{ snowflake__json_members(
    expression,
    name,
    'trim(substr(' ~ tag ~ ', length(split_part(' ~ tag ~ ", ':', 1)) + 2))",
    "member.index is not null and " ~ name ~ " <> ''",
    "coalesce(to_json(to_variant(nullif(member_text, ''))), 'true')"
) }}
{%- endmacro %}

{% macro bigquery__json_members_of_tag_list(expression) -%}
coalesce(
    (
        select string_agg(
            concat(
                ',', to_json_string(name), ':',
                coalesce({{ json_string("nullif(text, '')") }}, 'true')
            ),
            '' order by name
        )
        from (
            select
                trim(split(tag, ':')[safe_offset(0)], ' ') as name,
                min(trim(substr(tag, length(split(tag, ':')[safe_offset(0)]) + 2), ' ')) as text
            from (
                select coalesce(json_value(item), nullif(item, 'null')) as tag
                from unnest(json_query_array({{ expression }})) as item
            )
            group by 1
        )
        where name <> ''
    ),
    ''
)
{%- endmacro %}

{#- All members of a flat JSON object, their keys prefixed, as ',"prefix/key":"value"…' in order. -#}
{% macro json_members_prefixed(expression, prefix) %}
{{- return(adapter.dispatch('json_members_prefixed', 'ai_focus')(expression, prefix)) -}}
{% endmacro %}

{% macro duckdb__json_members_prefixed(expression, prefix) -%}
case
    when {{ expression }} is null or not json_valid({{ expression }}) then ''
    else coalesce(
        array_to_string(
            list_transform(
                list_sort(list_distinct(list_filter(
                    json_keys({{ expression }}),
                    lambda key: {{ duckdb__json_member_text(expression, 'key') }} is not null
                ))),
                lambda key: ',' || to_json('{{ prefix }}' || key) || ':'
                    || to_json({{ duckdb__json_member_text(expression, 'key') }})
            ),
            ''
        ),
        ''
    )
end
{%- endmacro %}

{% macro snowflake__json_members_prefixed(expression, prefix) -%}
{{ snowflake__json_members(
    expression,
    "'" ~ prefix ~ "' || member.key",
    'cast(member.value as varchar)',
    'cast(member.value as varchar) is not null',
    'to_json(to_variant(member_text))'
) }}
{%- endmacro %}

{% macro bigquery__json_members_prefixed(expression, prefix) -%}
coalesce(
    (
        select string_agg(
            concat(',', to_json_string(concat('{{ prefix }}', name)), ':', to_json_string(text)),
            '' order by name
        )
        from {{ bigquery__json_members(expression) }}
        where text is not null
    ),
    ''
)
{%- endmacro %}

{#- The sum of a JSON object's members, each an amount; null where one of them is none, and of what is no object.
    Takes a column with its relation, as json_members_like() does. -#}
{% macro json_total_of_members(expression) %}
{{- return(adapter.dispatch('json_total_of_members', 'ai_focus')(expression)) -}}
{% endmacro %}

{% macro duckdb__json_total_of_members(expression) -%}
{%- set amount = try_cost(duckdb__json_member_text(expression, 'key')) -%}
case
    when
        json_valid({{ expression }})
        and json_type({{ expression }}) = 'OBJECT'
        and len(list_filter(json_keys({{ expression }}), lambda key: {{ amount }} is null)) = 0
        then list_sum(list_transform(json_keys({{ expression }}), lambda key: {{ amount }}))
end
{%- endmacro %}

{% macro snowflake__json_total_of_members(expression) -%}
{%- set relation, column = expression.split('.') -%}
(
    select max(of_text.total)
    from (
        select
            texts.json_text,
            case
                when
                    count(*) = count({{ try_cost('cast(member.value as varchar)') }})
                    and count(*) = count(member.key)
                    then sum({{ try_cost('cast(member.value as varchar)') }})
            end as total
        from
            (select distinct {{ column }} as json_text from {{ relation }}) as texts,
            lateral flatten(input => {{ snowflake__json('texts.json_text') }}) as member
        group by texts.json_text
    ) as of_text
    where of_text.json_text = {{ expression }}
)
{%- endmacro %}

{% macro bigquery__json_total_of_members(expression) -%}
(
    select if(count(*) = count(amount), sum(amount), null)
    from (
        select {{ try_cost('text') }} as amount
        from {{ bigquery__json_members(expression) | indent(4) }}
    )
)
{%- endmacro %}
