{#- The column names each row: never null and never twice, told by one scan. -#}
{% test row_key(model, column_name) %}
select
    {{ column_name }},
    count(*) as repetitions
from {{ model }}
group by {{ column_name }}
having
    count(*) > 1
    or {{ column_name }} is null
{% endtest %}
