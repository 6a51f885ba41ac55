{#- How many single letters must be changed, added or taken away to make one text the other. -#}
{% macro edit_distance(left, right) %}
{{- return(adapter.dispatch('edit_distance', 'ai_focus')(left, right)) -}}
{% endmacro %}
{% macro default__edit_distance(left, right) %}levenshtein({{ left }}, {{ right }}){% endmacro %}
{% macro snowflake__edit_distance(left, right) %}editdistance({{ left }}, {{ right }}){% endmacro %}
{% macro bigquery__edit_distance(left, right) %}edit_distance({{ left }}, {{ right }}){% endmacro %}
