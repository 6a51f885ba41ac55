"""Write a large synthetic gateway call log as one Parquet file.

    python tests/benchmark/generate_calls.py --calls 1000000 --output calls.parquet

One DuckDB query makes all rows, from hashes of the row number: the same number of calls gives the
same rows in the same order. About 0.5 % of the calls are delivered twice, half of these with larger
counts the second time, so the file has a little more rows than calls. In 10,000 calls about 300 are
answered by the proxy's cache, 100 have a model without a price and 200 failed.
"""

import argparse
from pathlib import Path

import duckdb

# provider, model, region, writes to the provider's cache. As many lines as shares of the calls.
MODELS = (
    ("openai", "gpt-5.4", "", False),
    ("openai", "gpt-5-mini", "", False),
    ("openai", "gpt-5-mini", "", False),
    ("openai", "gpt-4.1-mini", "", False),
    ("anthropic", "claude-sonnet-5", "", True),
    ("anthropic", "claude-sonnet-5", "", True),
    ("anthropic", "claude-opus-5", "", True),
    ("anthropic", "claude-haiku-5-5", "", True),
    ("google", "gemini-2.5-pro", "europe-west4", False),
    ("google", "gemini-2.5-flash", "", False),
    ("azure", "gpt-5", "eastus2", False),
    ("bedrock", "amazon.nova-pro-v1:0", "us-east-1", False),
    ("mistral", "mistral-large-4", "", False),
    ("deepseek", "deepseek-v4-flash", "", False),
)
SECONDS = 92 * 86_400  # 2026-08-01 to 2026-10-31

QUERY = """
with

models as (
    select * from (values {models}) as model (model_number, provider, model, region, writes_cache)
),

-- A call's shares are read off the digits of independent hashes.
dice as (
    select
        range as call_number,
        (hash(range, 1) % {model_count})::bigint as model_number,
        (hash(range, 2) % 10000)::bigint as fate,
        (hash(range, 3) % 1000)::bigint as size,
        (hash(range, 4) % 1000)::bigint as split,
        (hash(range, 5) % 1000)::bigint as cache,
        (hash(range, 6) % 1000)::bigint as tier,
        (hash(range, 7) % 1000000)::bigint as person,
        (hash(range, 8) % 1000)::bigint as milliseconds
    from range({calls})
),

calls as (
    select
        dice.*,
        models.provider,
        if(fate between 300 and 399, 'gpt-7-preview', models.model) as model,
        if(fate between 300 and 399, 'openai', models.provider) as served_by,
        models.region,
        models.writes_cache,
        timestamp '2026-08-01' + to_seconds(call_number * {seconds} // {calls})
            + to_milliseconds(milliseconds) as started_at,
        fate < 300 as cache_hit,
        fate between 400 and 599 as has_failed,
        150 + size * size // 50 as prompt_tokens,
        20 + split * split // 400 as completion_tokens,
        200 + split * split // 60 as latency_ms
    from dice
    inner join models on dice.model_number = models.model_number
),

counted as (
    select
        *,
        if(cache < 520, prompt_tokens * (10 + cache // 10) // 100, 0) as cached_tokens,
        if(writes_cache and size % 5 < 3, prompt_tokens // 4, 0) as cache_write_tokens,
        if(split % 2 = 0, completion_tokens * 2 // 5, 0) as reasoning_tokens
    from calls
),

delivered as (
    select counted.*, 0 as delivery from counted
    union all
    select counted.*, 1 as delivery from counted where call_number % 200 = 7
)

select
    'req_' || lpad(to_hex(call_number), 9, '0') as call_id,
    'org-' || (person % 20)::varchar as customer_id,
    'Customer ' || (person % 20)::varchar as customer_name,
    served_by as provider,
    model,
    model as requested_model,
    started_at,
    started_at + to_milliseconds(latency_ms) as ended_at,
    latency_ms,
    if(has_failed, 0, prompt_tokens) as prompt_tokens,
    if(
        has_failed, 0, completion_tokens + if(delivery = 1 and call_number % 400 = 7, 25, 0)
    ) as completion_tokens,
    if(has_failed, 0, cached_tokens) as cached_tokens,
    if(has_failed, 0, cache_write_tokens) as cache_write_tokens,
    if(has_failed, 0, reasoning_tokens) as reasoning_tokens,
    cache_hit,
    if(has_failed, 'error', 'success') as status,
    case
        when model in ('gpt-5.4', 'gpt-5-mini') and tier < 60 then 'flex'
        when model in ('gpt-5.4', 'gpt-5-mini', 'gpt-5') and tier < 100 then 'priority'
        when tier < 400 then 'standard'
    end as service_tier,
    case
        when model in ('gpt-5.4', 'gpt-5-mini', 'gpt-5', 'claude-sonnet-5', 'claude-haiku-5-5')
            and tier >= 950
            then 'batch'
        when tier >= 700 then 'realtime'
    end as processing_mode,
    nullif(region, '') as region,
    ['Engineering', 'Customer Support', 'Marketing', 'Finance', 'Legal', 'Research', null]
        [person % 7 + 1] as cost_department,
    'feature-' || (person % 23)::varchar as cost_feature,
    'user-' || (person % 997)::varchar as cost_user,
    'ses_' || to_hex(call_number // 4) as cost_session,
    ['investment', 'investment', 'waste', null][person % 4 + 1] as classification,
    if(
        person % 10 = 0,
        '{{"X-Cost-Project":"project-' || (person % 13)::varchar || '"}}',
        null
    ) as headers,
    started_at + to_milliseconds(latency_ms) + to_seconds(30 + delivery * 3600) as ingested_at
from delivered
order by call_number, delivery
"""


def query(calls: int) -> str:
    """Return the SQL that makes the deliveries of this many calls."""
    models = ", ".join(
        f"({number}, '{provider}', '{model}', '{region}', {writes})"
        for number, (provider, model, region, writes) in enumerate(MODELS)
    )
    return QUERY.format(calls=calls, models=models, model_count=len(MODELS), seconds=SECONDS)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Write synthetic gateway calls as Parquet.")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        calls = connection.sql(query(options.calls))
        calls.write_parquet(str(options.output), compression="zstd")


if __name__ == "__main__":
    main()
