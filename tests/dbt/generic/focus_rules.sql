{#- Every reference rule of one FOCUS dataset version: fails with one row per broken rule that the
    dataset must keep. What it only should keep depends on the user's rows, and `validate` tells it. Without `grouped` the rules on
    groups (one SKU per SKU price …) are left to the grain that has the same SKUs. -#}
{% test focus_rules(model, dataset, focus_version, row_key, grouped=true) %}
{%- set present = focus_reference(dataset, focus_version)['columns'] | map(attribute='name') | list -%}
{{ focus_check_sql(
    dataset,
    focus_version,
    model,
    focus_relation_columns(model),
    present,
    "coalesce(cast(" ~ row_key ~ " as " ~ text_type() ~ "), 'null')",
    levels=['must'],
    grouped=grouped
) }}
{% endtest %}
