-- Acme's own coverage, of what it insures.
select
    'plant 7' as object,
    owner
from {{ raw('anything') }} as acme
