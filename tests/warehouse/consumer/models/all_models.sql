-- The package's models and acme's own, in the package's columns.
select * from {{ ref('ai_focus', 'ai_models') }}
union all
select * from {{ ref('own_models') }}
