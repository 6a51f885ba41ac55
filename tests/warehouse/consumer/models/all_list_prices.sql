-- The package's prices and acme's own, in the package's columns.
select * from {{ ref('ai_focus', 'ai_list_prices') }}
union all
select * from {{ ref('own_prices') }}
