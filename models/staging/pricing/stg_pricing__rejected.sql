{{ rejected_rows_of(
    ref('stg_pricing__contract_prices_checked'), 'pricing', 'contract_prices', 'contract_price_id'
) }}

union all

{{ rejected_rows_of(
    ref('stg_pricing__provisioned_deployments_checked'), 'pricing', 'provisioned_deployments', 'deployment'
) }}

union all

{{ rejected_rows_of(
    ref('stg_pricing__own_prices_checked'), 'pricing', none, "provider || '/' || model || '/' || meter"
) }}

union all

{{ rejected_rows_of(ref('stg_pricing__own_providers_checked'), 'pricing', none, 'alias') }}

union all

{{ rejected_rows_of(
    ref('stg_pricing__own_multipliers_checked'), 'pricing', 'price_multipliers', "provider || '/' || model"
) }}

union all

{{ rejected_rows_of(ref('stg_pricing__own_aliases_checked'), 'pricing', none, 'alias_as_sent') }}

union all

{{ rejected_rows_of(
    ref('stg_pricing__cost_bases_checked'), 'pricing', 'cost_bases', "provider || coalesce('/' || deployment, '')"
) }}
