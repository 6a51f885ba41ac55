with

commitments as (

    select * from {{ ref('stg_contracts__commitments') }}

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
    invoice_issuer_name as InvoiceIssuerName,
    -- a commitment is priced in the currency it is billed in; no input names another
    billing_currency as PricingCurrency,
    contract_commitment_cost as PricingCurrencyContractCommitmentCost,
    service_provider_name as ServiceProviderName,
    billing_account_id as x_BillingAccountId,
    commitment_name as x_CommitmentName,
    source_document as x_SourceDocument
from commitments
