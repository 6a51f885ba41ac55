with

commitments as (

    select * from {{ ref('stg_contracts__commitments') }}

),

-- an issuer is spelt as on the cost rows: a provider that bills itself by its own name, and a
-- cloud that bills for another by the name under which it sells
issuers as (

    -- some sell several services
    select distinct
        service_provider_name,
        invoice_issuer_legal_name,
        invoice_issuer_name
    from {{ ref('stg_pricing__providers') }}

),

resellers as (

    select
        invoice_issuer_legal_name,
        min(invoice_issuer_name) as invoice_issuer_name
    from issuers
    group by invoice_issuer_legal_name

)

select
    billing_currency as BillingCurrency,
    contract_commitment_applicability as ContractCommitmentApplicability,
    contract_commitment_benefit_category as ContractCommitmentBenefitCategory,
    contract_commitment_category as ContractCommitmentCategory,
    contract_commitment_cost as ContractCommitmentCost,
    contract_commitment_created as ContractCommitmentCreated,
    contract_commitment_description as ContractCommitmentDescription,
    contract_commitment_discount_percentage as ContractCommitmentDiscountPercentage,
    contract_commitment_duration_type as ContractCommitmentDurationType,
    contract_commitment_fulfillment_interval as ContractCommitmentFulfillmentInterval,
    contract_commitment_id as ContractCommitmentId,
    contract_commitment_last_updated as ContractCommitmentLastUpdated,
    contract_commitment_lifecycle_status as ContractCommitmentLifecycleStatus,
    contract_commitment_model as ContractCommitmentModel,
    contract_commitment_offer_category as ContractCommitmentOfferCategory,
    contract_commitment_payment_interval as ContractCommitmentPaymentInterval,
    contract_commitment_payment_model as ContractCommitmentPaymentModel,
    contract_commitment_payment_upfront_percentage as ContractCommitmentPaymentUpfrontPercentage,
    contract_commitment_period_end as ContractCommitmentPeriodEnd,
    contract_commitment_period_start as ContractCommitmentPeriodStart,
    contract_commitment_quantity as ContractCommitmentQuantity,
    contract_commitment_type as ContractCommitmentType,
    contract_commitment_unit as ContractCommitmentUnit,
    contract_id as ContractId,
    contract_period_end as ContractPeriodEnd,
    contract_period_start as ContractPeriodStart,
    coalesce(
        issuers.invoice_issuer_name, resellers.invoice_issuer_name, commitments.invoice_issuer_name
    ) as InvoiceIssuerName,
    -- a commitment is priced in the currency it is billed in; no input names another
    billing_currency as PricingCurrency,
    contract_commitment_cost as PricingCurrencyContractCommitmentCost,
    commitments.service_provider_name as ServiceProviderName,
    billing_account_id as x_BillingAccountId,
    commitment_name as x_CommitmentName,
    source_document as x_SourceDocument
from commitments
left join issuers
    on
        commitments.service_provider_name = issuers.service_provider_name
        and commitments.invoice_issuer_name = issuers.invoice_issuer_legal_name
left join resellers
    on commitments.invoice_issuer_name = resellers.invoice_issuer_legal_name
