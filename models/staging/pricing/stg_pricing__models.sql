with models as (

    select * from {{ price_book('ai_models') }}

),

-- a price makes a model known; who developed it nobody says
own_models as (

    select distinct
        known_provider as provider,
        known_model as model
    from {{ ref('stg_pricing__own_prices_checked') }}
    where fault_reason is null

)

select
    provider,
    model,
    model_developer,
    model_family,
    model_version
from models

union all

select
    own_models.provider,
    own_models.model,
    {{ null_text() }} as model_developer,
    {{ null_text() }} as model_family,
    {{ null_text() }} as model_version
from own_models
left join models
    on
        own_models.provider = models.provider
        and own_models.model = models.model
where models.model is null
