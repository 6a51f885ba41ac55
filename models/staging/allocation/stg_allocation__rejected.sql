{{ rejected_rows_of(
    ref('stg_allocation__departments_checked'), 'allocation', 'departments', 'department_id'
) }}

union all

{{ rejected_rows_of(
    ref('stg_allocation__rules_checked'), 'allocation', 'allocation_rules', 'rule_id'
) }}
