{{ focus_cost_and_usage(ref('int_charges_monthly'), has_resources=false) }}
