{#- Text without the spaces around it; other white space stays. -#}
{% macro trim_spaces(expression) %}{{ return(adapter.dispatch('trim_spaces', 'ai_focus')(expression)) }}{% endmacro %}
{% macro default__trim_spaces(expression) %}trim({{ expression }}){% endmacro %}
{% macro bigquery__trim_spaces(expression) %}trim({{ expression }}, ' '){% endmacro %}

{#- How many single letters must be changed, added or taken away to make one text the other. -#}
{% macro edit_distance(left, right) %}
{{- return(adapter.dispatch('edit_distance', 'ai_focus')(left, right)) -}}
{% endmacro %}
{% macro default__edit_distance(left, right) %}levenshtein({{ left }}, {{ right }}){% endmacro %}
{% macro snowflake__edit_distance(left, right) %}editdistance({{ left }}, {{ right }}){% endmacro %}
{% macro bigquery__edit_distance(left, right) %}edit_distance({{ left }}, {{ right }}){% endmacro %}
