{#- The models that usage is repriced at, of var reprice_models, as (provider, model); none means every
    model that has served. A provider's key has no slash, a model's name may have. -#}
{% macro reprice_models() %}
    {%- set names = var('reprice_models') or [] -%}
    {%- set is_list = names is iterable and names is not string and names is not mapping -%}
    {%- set models = [] -%}
    {%- for name in (names if is_list else ['']) | map('string') | unique -%}
        {%- if not modules.re.match('[^/]+/.', name) -%}
            {{ exceptions.raise_compiler_error(
                "The variable reprice_models is '" ~ names
                ~ "': it must be a list of providers and models, such as [openai/gpt-5].") }}
        {%- endif -%}
        {%- do models.append(name.split('/', 1)) -%}
    {%- endfor -%}
    {{ return(models) }}
{% endmacro %}
