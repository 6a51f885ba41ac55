{#- Macros of acme with names that ai_focus has too: neither project may take the other's. -#}
{% macro text_type() %}{{ return("acme_text") }}{% endmacro %}
{% macro matches(expression, pattern) %}{{ return("acme_matches") }}{% endmacro %}
{% macro raw(table) %}{{ return("(select 'acme' as owner)") }}{% endmacro %}
{% macro check_vars() %}{{ exceptions.raise_compiler_error("acme's check_vars is not for ai_focus") }}{% endmacro %}

{#- In place of ai_focus's own: two letters that changed places are one mistake. -#}
{% macro duckdb__edit_distance(left, right) %}damerau_levenshtein({{ left }}, {{ right }}){% endmacro %}
