{#- Of the rows with equal keys (null equals null) at most one holds at any instant, and each holds at
    some instant. Windows are half-open: from valid_from to just before valid_to. -#}
{% test windows_do_not_overlap(model, key) %}
with windows as (

    select
        {{ key | join(',\n        ') }},
        valid_from,
        valid_to,
        -- the latest end so far, so that a long window is seen past a short one inside it
        max(valid_to) over (
            partition by {{ key | join(', ') }}
            order by valid_from, valid_to
            rows between unbounded preceding and 1 preceding
        ) as latest_valid_to
    from {{ model }}

)

select * from windows
where
    valid_from is null
    or valid_to is null
    or valid_from >= valid_to
    or valid_from < latest_valid_to
{% endtest %}
