{#- A value inside JSON text as plain text, or null; `path` is a list of keys. -#}
{% macro json_text(expression, path) %}
{{- return(adapter.dispatch('json_text', 'ai_focus')(expression, path)) -}}
{% endmacro %}

{% macro default__json_text(expression, path) -%}
json_extract_string({{ expression }}, '$.{{ path | join(".") }}')
{%- endmacro %}

{% macro snowflake__json_text(expression, path) -%}
cast(get_path(try_parse_json({{ expression }}), '{{ path | join(".") }}') as varchar)
{%- endmacro %}

{#- A string, number or boolean as JSON_VALUE gives it; an object or array as JSON text. -#}
{% macro bigquery__json_text(expression, path) -%}
coalesce(
    json_value({{ expression }}, '$.{{ path | join(".") }}'),
    nullif(json_query({{ expression }}, '$.{{ path | join(".") }}'), 'null')
)
{%- endmacro %}

{% macro is_json(expression) %}{{ return(adapter.dispatch('is_json', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__is_json(expression) %}json_valid({{ expression }}){% endmacro %}
{% macro snowflake__is_json(expression) %}check_json({{ expression }}) is null{% endmacro %}
{% macro bigquery__is_json(expression) %}safe.parse_json({{ expression }}) is not null{% endmacro %}

{#- Text as a JSON string with its quotes. -#}
{% macro json_string(expression) %}{{ return(adapter.dispatch('json_string', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__json_string(expression) %}cast(to_json({{ expression }}) as varchar){% endmacro %}
{% macro snowflake__json_string(expression) %}to_json(to_variant({{ expression }})){% endmacro %}
{% macro bigquery__json_string(expression) %}to_json_string({{ expression }}){% endmacro %}

{#- ',"key":"value"' or nothing: the members of a flat object, to be joined and cut. -#}
{% macro json_member(key, expression) -%}
coalesce(',"{{ key }}":' || {{ json_string(expression) }}, '')
{%- endmacro %}

{#- A flat JSON object of text members, null when it would be empty. `members` are expressions that
    begin with a comma or are empty. -#}
{% macro json_object(members) -%}
nullif('{' || substr({{ members | join(' || ') }}, 2) || '}', '{}')
{%- endmacro %}

{#- The members of a JSON object whose lower-case key begins with `prefix` and is not in `except`,
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

{% macro snowflake__json_members_like(expression, prefix, except) -%}
coalesce(
    (
        select listagg(',' || to_json(to_variant(name)) || ':' || to_json(to_variant(text))) within group (order by name)
        from (
            select lower(member.key) as name, min(cast(member.value as varchar)) as text
            from table(flatten(input => try_parse_json({{ expression }}))) as member
            where startswith(lower(member.key), '{{ prefix }}')
                and not array_contains(lower(member.key)::variant, {{ except }})
                and cast(member.value as varchar) <> ''
            group by 1
        )
    ),
    ''
)
{%- endmacro %}

{% macro bigquery__json_members_like(expression, prefix, except) -%}
coalesce(
    (
        select string_agg(concat(',', to_json_string(name), ':', to_json_string(text)), '' order by name)
        from (
            select
                lower(key) as name,
                min(json_value(safe.parse_json({{ expression }})[key])) as text
            from unnest(json_keys(safe.parse_json({{ expression }}), 1)) as key
            where starts_with(lower(key), '{{ prefix }}') and lower(key) not in unnest({{ except }})
            group by 1
        )
        where text <> ''
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
coalesce(
    (
        select listagg(
            ',' || to_json(to_variant(name)) || ':'
            || coalesce(to_json(to_variant(nullif(text, ''))), 'true')
        ) within group (order by name)
        from (
            select
                trim(split_part(cast(item.value as varchar), ':', 1)) as name,
                min(trim(substr(
                    cast(item.value as varchar), length(split_part(cast(item.value as varchar), ':', 1)) + 2
                ))) as text
            from table(flatten(input => try_parse_json({{ expression }}))) as item
            group by 1
        )
        where name <> ''
    ),
    ''
)
{%- endmacro %}

{% macro bigquery__json_members_of_tag_list(expression) -%}
coalesce(
    (
        select string_agg(
            concat(
                ',', to_json_string(name), ':',
                coalesce(to_json_string(nullif(text, '')), 'true')
            ),
            '' order by name
        )
        from (
            select
                trim(split(tag, ':')[safe_offset(0)]) as name,
                min(trim(substr(tag, length(split(tag, ':')[safe_offset(0)]) + 2))) as text
            from unnest(json_value_array({{ expression }})) as tag
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
                list_sort(list_filter(
                    json_keys({{ expression }}),
                    lambda key: {{ duckdb__json_member_text(expression, 'key') }} is not null
                )),
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
coalesce(
    (
        select listagg(
            ',' || to_json(to_variant('{{ prefix }}' || member.key)) || ':'
            || to_json(to_variant(cast(member.value as varchar)))
        ) within group (order by member.key)
        from table(flatten(input => try_parse_json({{ expression }}))) as member
        where cast(member.value as varchar) is not null
    ),
    ''
)
{%- endmacro %}

{% macro bigquery__json_members_prefixed(expression, prefix) -%}
coalesce(
    (
        select string_agg(
            concat(
                ',', to_json_string(concat('{{ prefix }}', key)), ':',
                to_json_string(json_value(safe.parse_json({{ expression }})[key]))
            ),
            '' order by key
        )
        from unnest(json_keys(safe.parse_json({{ expression }}), 1)) as key
        where json_value(safe.parse_json({{ expression }})[key]) is not null
    ),
    ''
)
{%- endmacro %}
