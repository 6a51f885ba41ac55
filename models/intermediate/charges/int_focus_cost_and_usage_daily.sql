{{ focus_cost_and_usage(ref('int_charges_daily'), has_resources=false) }}
