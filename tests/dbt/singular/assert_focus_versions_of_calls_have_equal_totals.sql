{{ versions_with_other_totals('focus_cost_and_usage', is_by_call=true) }}
