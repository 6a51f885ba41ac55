{#- Files are read by DuckDB as lines of text, so that every line has a number, none is dropped and
    each fault is said of its own line. DuckDB's own CSV and JSON readers drop such lines or stop. -#}

{% macro duckdb__raw_from_files(table, columns) -%}
{{ duckdb__raw_from_groups(duckdb__raw_files().get(table, []), columns) }}
{%- endmacro %}

{#- raw table name -> groups of files, out of the file that var raw_files names: dbt would parse the project
    anew for each change of a variable. -#}
{% macro duckdb__raw_files() %}
    {%- if not execute -%}{{ return({}) }}{%- endif -%}
    {{ return(fromjson(run_query('select content from read_text(' ~ sql_text(var('raw_files')) ~ ')').rows[0][0])) }}
{%- endmacro %}

{#- A group is files of one shape; `root` is the folder that their names leave out. -#}
{% macro duckdb__raw_from_groups(groups, columns) -%}
    {%- if not groups -%}
        {{ raw_from_nothing(columns) }}
    {%- else -%}
(
        {%- for group in groups %}
        {{ 'union all' if not loop.first }}
        {%- if group.mapping %}
        {{ duckdb__raw_mapped(group, columns) }}
        {%- else %}
        {{ duckdb__raw_from_group(group, columns) }}
        {%- endif %}
        {%- endfor %}
)
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__raw_from_group(group, columns) -%}
        {%- if group.format == 'csv' %}
        {{ duckdb__raw_from_csv(group, columns) }}
        {%- elif group.format == 'jsonl' %}
        {{ duckdb__raw_from_jsonl(group, columns) }}
        {%- elif group.format == 'json' %}
        {{ duckdb__raw_from_json(group, columns) }}
        {%- else %}
        {{ duckdb__raw_from_parquet(group, columns) }}
        {%- endif %}
{%- endmacro %}

{#- Files of which a mapping says how their columns become ours: exporter/raw/mapping.py has checked it and written
    its expressions as SQL over source_1 …, and over members_of_source_1 … for what stands within their JSON. With
    `rows` each member of an object, or element of an array, that has what is `needed` is a row. -#}
{% macro duckdb__raw_mapped(group, columns) -%}
        {%- set mapping = group.mapping -%}
        {%- set sources = [] -%}
        {%- for name in mapping.sources -%}{%- do sources.append({'name': name, 'alias': 'source_' ~ loop.index}) -%}{%- endfor %}
        select
            {%- for column in columns %}
            nullif(trim({{ mapping.select.get(column.name, null_text()) }}), '') as {{ column.alias }},
            {%- endfor %}
            _file,
            _line,
            {%- if mapping.rows %}
            coalesce(
                _fault, case when row_name is null then {{ sql_text('The record has nothing under ' ~ mapping.rows.words) }} end
            ) as _fault
            {%- else %}
            _fault
            {%- endif %}
        from (
            select
                {{ duckdb__members_of(mapping.pointers, 'row_value') }}
                *
            from (
                select
                    *
                    {%- if mapping.rows %},
                    case
                        when row_name is not null
                            then json_extract_string({{ mapping.rows.within }}, {{ duckdb__pointer_of('row_name') }})
                    end as row_value
                    {%- endif %}
                from (
                    select
                        *
                        {%- if mapping.rows %},
                        unnest(coalesce(nullif(list_filter(
                            case try(json_type({{ mapping.rows.within }}))
                                when 'OBJECT' then json_keys({{ mapping.rows.within }})
                                when 'ARRAY'
                                    then list_transform(
                                        range(cast(json_array_length({{ mapping.rows.within }}) as bigint)),
                                        lambda place: cast(place as varchar)
                                    )
                            end,
                            lambda name: json_exists(
                                {{ mapping.rows.within }},
                                {{ duckdb__pointer_of('name') }} || {{ sql_text(mapping.rows.needed) }}
                            )
                        ), []), [null])) as row_name
                        {%- endif %}
                    from (
                        select
                            {{ duckdb__members_of(mapping.pointers, 'source_') }}
                            *
                        from ({{ duckdb__raw_from_group(group, sources) }}
                        )
                    )
                )
            )
        )
{%- endmacro %}

{#- The members that are read of each JSON text, in one list: DuckDB then parses it once. What is no JSON has none. -#}
{% macro duckdb__members_of(pointers, prefix) -%}
                {%- for source in pointers if source.startswith(prefix) %}
                try(json_extract_string({{ source }}, [
                    {%- for pointer in pointers[source] %}{{ sql_text(pointer) }}{{ ', ' if not loop.last }}{% endfor -%}
                ])) as members_of_{{ source }},
                {%- endfor %}
{%- endmacro %}

{% macro duckdb__pointer_of(key) -%}
'/' || replace(replace({{ key }}, '~', '~0'), '/', '~1')
{%- endmacro %}

{#- A path as the name of one file: DuckDB takes calls[1].csv for a pattern that calls1.csv fits, and a folder
    named model=x for a column. -#}
{% macro duckdb__one_file(path) -%}
{{ sql_text(modules.re.sub('([*?[])', '[\\1]', path)) }}, hive_partitioning = false
{%- endmacro %}

{#- What the wrapper told from the content; DuckDB goes by more endings than this one. -#}
{% macro duckdb__compression(path) %}compression = '{{ 'gzip' if path.lower().endswith('.gz') else 'none' }}'{% endmacro %}

{#- A line may have 64 MB: exporter/raw/text.py cuts longer ones out, and says which. DuckDB wants a few bytes more
    for the end of a line. Its buffer would be 16 of the longest lines, 1 GB for each packed file. -#}
{% macro duckdb__raw_lines(group) -%}
    {%- for path in group.paths %}
                {%- set cut = group.get('cut', {}).get(path, {'path': path, 'lines': []}) -%}
                {{ 'union all' if not loop.first }}
                select
                    {{ raw_file_label(path, group.root) }} as file,
                    row_number() over () as line_number,
                    coalesce(line, '') as line,
                    {{ 'line_number in (' ~ cut.lines | join(', ') ~ ')' if cut.lines else 'false' }} as is_too_long
                from read_csv(
                    {{ duckdb__one_file(cut.path) }}, {{ duckdb__compression(cut.path) }},
                    columns = {'line': 'varchar'},
                    header = false, auto_detect = false, strict_mode = false,
                    delim = E'\x01', quote = '', escape = '', max_line_size = 67109888, buffer_size = 67109888
                )
    {%- endfor %}
{%- endmacro %}

{#- The fault of a line that was cut out, and of a record with one. -#}
{% macro duckdb__too_long() %}'A line of more than 64 MB is not read: take out what makes it so long'{% endmacro %}

{#- What is JSON and begins so is an object. To ask its type would parse it once more, and DuckDB keeps four times
    the length of the longest text for each function that parses. -#}
{% macro duckdb__begins_an_object(text) %}regexp_matches({{ text }}, '^\s*[{]'){% endmacro %}

{% macro duckdb__raw_from_jsonl(group, columns) -%}
        select
            {%- for column in columns %}
            nullif(trim(fields."{{ column.name }}"), '') as {{ column.alias }},
            {%- endfor %}
            file as _file,
            line_number as _line,
            -- only a line that gave no fields is parsed again
            case
                when is_too_long then {{ duckdb__too_long() }}
                when fields is not null then null
                when json_valid(line) then 'The line is no JSON object'
                else 'The line is not valid JSON'
            end as _fault
        from (
            select
                file,
                line_number,
                line,
                is_too_long,
                case
                    when {{ duckdb__begins_an_object('line') }}
                        then try(from_json(line, {{ duckdb__raw_json_structure(columns) }}))
                end as fields
            from ({{ duckdb__raw_lines(group) }}
            )
            where is_too_long or not regexp_full_match(line, ' *')
        )
{%- endmacro %}

{% macro duckdb__raw_from_json(group, columns) -%}
        select
            {%- for column in columns %}
            nullif(trim(fields."{{ column.name }}"), '') as {{ column.alias }},
            {%- endfor %}
            file as _file,
            line_number as _line,
            case when not is_object then 'The element is no JSON object' end as _fault
        from (
            select
                file,
                line_number,
                element,
                is_object,
                case when is_object then from_json(element, {{ duckdb__raw_json_structure(columns) }}) end as fields
            from (
                {%- for path in group.paths %}
                {%- set copy = group.get('cut', {}).get(path, {'path': path}).path %}
                {{ 'union all' if not loop.first }}
                select {{ raw_file_label(path, group.root) }} as file, row_number() over () as line_number, json as element,
                    {{ duckdb__begins_an_object('json') }} as is_object
                from read_json_objects(
                    {{ duckdb__one_file(copy) }}, {{ duckdb__compression(copy) }},
                    format = 'array', maximum_object_size = 67108864
                )
                {%- endfor %}
            )
        )
{%- endmacro %}

{% macro duckdb__raw_json_structure(columns) -%}
    {%- set structure = {} -%}
    {%- for column in columns -%}{%- do structure.update({column.name: 'VARCHAR'}) -%}{%- endfor -%}
    {{ return(sql_text(tojson(structure))) }}
{%- endmacro %}

{#- The lines of one CSV file with the line where their record begins. Windows without an order run
    in the order of the file and as the lines stream by. -#}
{% macro duckdb__raw_csv_lines(group) -%}
                        select
                            file,
                            line_number,
                            line,
                            is_too_long,
                            max(case when quotes_before % 2 = 0 then line_number end)
                                over (rows unbounded preceding) as first_line,
                            quotes_before % 2 = 0 and quotes % 2 = 0 as is_record
                        from (
                            select *, sum(quotes) over (rows unbounded preceding) - quotes as quotes_before
                            from (
                                select *, length(line) - length(replace(line, '"', '')) as quotes
                                from ({{ duckdb__raw_lines(group) }}
                                )
                            )
                        )
{%- endmacro %}

{#- A number with a decimal comma, as one with a point. -#}
{% macro duckdb__with_point(field) -%}
case when regexp_full_match({{ field }}, '-?[0-9]+,[0-9]+([eE][-+]?[0-9]+)?') then replace({{ field }}, ',', '.') else {{ field }} end
{%- endmacro %}

{#- RFC 4180. A record is the lines between two points where all quotes are closed; a field is text
    without quotes or delimiters, or anything between quotes, doubled quotes inside. -#}
{% macro duckdb__raw_from_csv(group, columns) -%}
        {%- set delimiter = group.get('delimiter', ',') -%}
        {%- set field = '(?:"(?:[^"]|"")*"|[^"' ~ ('\\t' if delimiter == '\t' else delimiter) ~ ']*)' -%}
        {#- What PostgreSQL's and Snowflake's exports write for null, outside quotes: no name and no count is written
            so. Others are null in files that write nothing so (exporter/raw/forms.py). -#}
        {%- set nulls = ['NULL', '\\N'] + group.get('nulls', []) -%}
        {%- set positions = {} -%}
        {%- for name in group.columns -%}{%- do positions.update({name: loop.index}) -%}{%- endfor %}
        select
            {%- for column in columns %}
            {%- if column.name in positions %}
            {%- set cell = 'trim(fields[' ~ positions[column.name] ~ '])' %}
            case when fault is null then nullif(
                {{- duckdb__with_point(cell) if column.name in group.get('commas', []) else cell }}, '') end as {{ column.alias }},
            {%- else %}
            {{ null_text() }} as {{ column.alias }},
            {%- endif %}
            {%- endfor %}
            file as _file,
            line_number as _line,
            fault as _fault
        from (
            select
                file,
                line_number,
                fields,
                case
                    when is_too_long then {{ duckdb__too_long() }}
                    when is_open
                        then 'A quote is opened and never closed in lines ' || line_number || ' to ' || last_line
                    when fields is null
                        then 'A quote stands where none may stand in lines ' || line_number || ' to ' || last_line
                    when len(fields) <> {{ group.columns | length }}
                        then 'The record has ' || len(fields) || ' fields, the header has {{ group.columns | length }}'
                    {%- for name in group.get('numbers', []) %}
                    when regexp_full_match(trim(fields[{{ positions[name] }}]), '-?[0-9,]*[.][0-9.,]*([eE][-+]?[0-9]+)?')
                        then {{ sql_text(name ~ ' has a point, where numbers of its file have a decimal comma: write it with a comma, and no separator') }}
                    {%- endfor %}
                end as fault
            from (
                select
                    file,
                    line_number,
                    last_line,
                    record,
                    is_open,
                    is_too_long,
                    case
                        when is_open or is_too_long then null
                        when not contains(record, '"')
                            {%- for marker in nulls %} and not contains(record, {{ sql_text(marker) }}){% endfor %}
                            then string_split(record, {{ sql_text(delimiter) }})
                        when regexp_full_match(record, '{{ field }}(?:{{ delimiter | replace("|", "[|]") }}{{ field }})*', 's')
                            then list_transform(
                                regexp_extract_all(
                                    record || {{ sql_text(delimiter) }},
                                    '({{ field }}){{ delimiter | replace("|", "[|]") }}', 1, 's'
                                ),
                                lambda text: case
                                    when starts_with(text, '"')
                                        then replace(substr(text, 2, length(text) - 2), '""', '"')
                                    when trim(text) in (
                                        {%- for marker in nulls %}{{ sql_text(marker) }}{{ ', ' if not loop.last }}{% endfor %}) then ''
                                    else text
                                end
                            )
                    end as fields
                from (
                    with lines as materialized (
                        {%- for path in group.paths %}
                        {{ 'union all' if not loop.first }}
                        {{ duckdb__raw_csv_lines({'paths': [path], 'root': group.get('root'), 'cut': group.get('cut', {})}) }}
                        {%- endfor %}
                    )

                    select file, line_number, line_number as last_line, line as record, false as is_open, is_too_long
                    from lines
                    where is_record
                    union all
                    select
                        file,
                        first_line as line_number,
                        max(lines.line_number) as last_line,
                        string_agg(line, chr(10) order by lines.line_number) as record,
                        (length(record) - length(replace(record, '"', ''))) % 2 = 1 as is_open,
                        bool_or(is_too_long) as is_too_long
                    from lines
                    where not is_record
                    group by file, first_line
                )
            )
            where line_number > 1 and (record <> '' or is_too_long)
        )
{%- endmacro %}

{% macro duckdb__raw_from_parquet(group, columns) -%}
        {%- set types = {} -%}
        {%- for name in group.columns -%}{%- do types.update({name: group.types[loop.index0]}) -%}{%- endfor %}
        {%- for path in group.paths %}
        {{ 'union all' if not loop.first }}
        select
            {%- for column in columns %}
            {%- if column.name not in types %}
            {{ null_text() }} as {{ column.alias }},
            {%- elif types[column.name] | upper == 'VARCHAR' %}
            nullif(trim("{{ column.name }}"), '') as {{ column.alias }},
            {%- elif types[column.name].startswith(('STRUCT', 'MAP')) or types[column.name].endswith(']') %}
            cast(to_json("{{ column.name }}") as varchar) as {{ column.alias }},
            {%- elif types[column.name].startswith('DECIMAL') %}
            -- the zeros of the type say nothing of the value
            regexp_replace(cast("{{ column.name }}" as varchar), '[.]0+$', '') as {{ column.alias }},
            {%- else %}
            cast("{{ column.name }}" as varchar) as {{ column.alias }},
            {%- endif %}
            {%- endfor %}
            {{ raw_file_label(path, group.root) }} as _file,
            file_row_number + 1 as _line,
            {{ null_text() }} as _fault
        from read_parquet(
            {{ duckdb__one_file(path) }}, file_row_number = true, binary_as_string = true
        )
        {%- endfor %}
{%- endmacro %}
