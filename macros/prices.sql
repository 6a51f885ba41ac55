{#- Service tier and processing mode as the price book spells them. -#}
{% macro service_tier_of(service_tier) -%}
case
    when
        {{ service_tier }} is null
        or lower({{ service_tier }}) in ('standard', 'default', 'auto', 'standard_only', 'on_demand', 'batch')
        then 'standard'
    else lower({{ service_tier }})
end
{%- endmacro %}

{% macro processing_mode_of(processing_mode, service_tier) -%}
case
    when lower({{ processing_mode }}) = 'batch' or lower({{ service_tier }}) = 'batch' then 'batch'
    else coalesce(lower({{ processing_mode }}), 'realtime')
end
{%- endmacro %}

{#- Above every context: the upper end of a SKU's last context band. -#}
{% macro no_context_limit() %}9223372036854775807{% endmacro %}
