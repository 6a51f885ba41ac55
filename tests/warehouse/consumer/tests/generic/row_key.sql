{#- Acme's row_key fails always; ai_focus has its own. -#}
{% test row_key(model, column_name) %}
select 'acme' as owner
{% endtest %}
