-- The same totals as the project's, as one would write them by hand for one Parquet file of gateway
-- calls: typed columns, no rejects, no contracts, no documentation. The measure of the models' cost.
set timezone = 'UTC';

create or replace table price as
with known as (
    -- as it was last recorded
    select *
    from read_csv(getvariable('list_prices'), all_varchar = true)
    qualify row_number() over (
        partition by provider, model, meter, service_tier, processing_mode, context_threshold, context_inclusive,
            region_id, daily_window_start, weekdays, valid_from
        order by recorded_at desc
    ) = 1
),

priced as (
    select
        provider,
        model,
        meter,
        unit_price::decimal(20, 12) as unit_price,
        service_tier,
        processing_mode,
        context_threshold::bigint - (context_inclusive = 'true')::bigint as above,
        nullif(region_id, '') as region_id,
        nullif(daily_window_start, '')::time as window_from,
        nullif(daily_window_end, '')::time as window_to,
        nullif(weekdays, '') as weekdays,
        case when row_number() over key = 1 and valid_from_basis <> 'effective' then timestamp '1900-01-01'
            else coalesce(valid_from::timestamp, timestamp '1900-01-01') end as valid_from,
        least(
            coalesce(valid_to::timestamp, timestamp '9999-12-31'),
            coalesce(lead(valid_from::timestamp) over key, timestamp '9999-12-31')
        ) as valid_to
    from known
    window key as (
        partition by provider, model, meter, service_tier, processing_mode, above, region_id,
            daily_window_start, weekdays
        order by valid_from nulls first
    )
)
select
    *,
    coalesce(
        lead(above) over (
            partition by provider, model, meter, service_tier, processing_mode, region_id, window_from, weekdays,
                valid_from
            order by above
        ),
        9223372036854775807
    ) as up_to
from priced;

-- reasoning costs what output does where it has no price of its own
insert into price
select
    output.* replace ('output_reasoning' as meter)
from price as output
where
    meter = 'output'
    and not exists (
        select 1
        from price as own
        where
            own.meter = 'output_reasoning'
            and own.provider = output.provider
            and own.model = output.model
            and own.service_tier = output.service_tier
            and own.processing_mode = output.processing_mode
            and own.valid_from < output.valid_to
            and own.valid_to > output.valid_from
    );

create or replace table call as
select *
from (
    select
        coalesce(customer_id, 'default') as billing_account_id,
        call_id,
        alias.provider,
        coalesce(name.model, raw.model) as model,
        date_trunc('second', started_at) as charge_period_start,
        prompt_tokens,
        completion_tokens,
        coalesce(cached_tokens, 0) as cache_read,
        coalesce(cache_write_tokens, 0) as cache_write,
        coalesce(reasoning_tokens, 0) as reasoning,
        case when coalesce(service_tier, 'standard') in ('standard', 'default', 'auto') then 'standard'
            else service_tier end as service_tier,
        coalesce(processing_mode, 'realtime') as processing_mode,
        region,
        row_number() over (
            partition by customer_id, call_id order by ingested_at desc nulls last, ended_at desc
        ) as delivery
    from read_parquet(getvariable('calls')) as raw
    left join read_csv(getvariable('provider_aliases'), all_varchar = true) as alias on lower(raw.provider) = alias.alias
    left join read_csv(getvariable('model_aliases'), all_varchar = true) as name
        on alias.provider = name.provider and raw.model = name.alias
    where not coalesce(cache_hit, false)
)
where delivery = 1;

create or replace table charge as
with meter as (
    select *
    from (
        select
            *,
            unnest([
                {'meter': 'input', 'tokens': prompt_tokens - cache_read - cache_write},
                {'meter': 'cache_read', 'tokens': cache_read},
                {'meter': 'cache_write', 'tokens': cache_write},
                {'meter': 'output', 'tokens': completion_tokens - reasoning},
                {'meter': 'output_reasoning', 'tokens': reasoning}
            ], recursive := true)
        from call
    )
    where tokens > 0
),

priced as (
    select
        meter.*,
        coalesce(in_window.unit_price, all_day.unit_price) as unit_price
    from meter
    left join price as all_day
        on meter.provider = all_day.provider
        and meter.model = all_day.model
        and meter.meter = all_day.meter
        and meter.service_tier = all_day.service_tier
        and meter.processing_mode = all_day.processing_mode
        and all_day.window_from is null
        and (all_day.region_id is null or region is null or all_day.region_id = region)
        and charge_period_start >= all_day.valid_from
        and charge_period_start < all_day.valid_to
        and prompt_tokens > all_day.above
        and prompt_tokens <= all_day.up_to
    left join price as in_window
        on meter.provider = in_window.provider
        and meter.model = in_window.model
        and meter.meter = in_window.meter
        and meter.service_tier = in_window.service_tier
        and meter.processing_mode = in_window.processing_mode
        and charge_period_start >= in_window.valid_from
        and charge_period_start < in_window.valid_to
        and charge_period_start::time >= in_window.window_from
        and charge_period_start::time < in_window.window_to
        and (in_window.weekdays is null or contains(in_window.weekdays, isodow(charge_period_start)::varchar))
)

select
    *,
    (tokens::decimal(18, 6) * 0.000001)::decimal(18, 6) as pricing_quantity,
    unit_price * (tokens::decimal(18, 6) * 0.000001)::decimal(18, 6) as cost
from priced
where (billing_account_id, call_id) not in (
    select (billing_account_id, call_id) from priced where unit_price is null
);

select
    date_trunc('month', charge_period_start) as billing_period,
    provider,
    count(*) as charges,
    sum(tokens)::bigint as tokens,
    sum(cost)::decimal(38, 18) as cost
from charge
group by all
order by all;
