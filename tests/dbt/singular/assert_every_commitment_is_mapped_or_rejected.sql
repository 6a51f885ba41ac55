{#- A delivered commitment is a row of the FOCUS dataset or a rejected row. -#}
select
    checks.commitment_id,
    checks.provider_name
from {{ ref('stg_contracts__commitment_checks') }} as checks
where
    checks.fault_reason is null
    and not exists (
        select 1 from {{ ref('focus_contract_commitment') }} as commitments
        where
            commitments.ContractCommitmentId = checks.commitment_id
            and lower(commitments.ServiceProviderName) = lower(checks.provider_name)
    )
