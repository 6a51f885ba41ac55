{{ focus_cost_and_usage(ref('int_charges'), has_resources=true) }}
