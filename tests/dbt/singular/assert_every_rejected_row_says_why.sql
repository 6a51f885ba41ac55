{#- A rejected row names its source, its table and its fault in a sentence. -#}
select
    source_name,
    raw_table,
    file,
    line,
    reason
from {{ ref('rejected_rows') }}
where
    source_name is null
    or raw_table is null
    or coalesce(trim(reason), '') = ''
