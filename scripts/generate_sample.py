"""Write the synthetic usage seeds of the demo.

Everything in them is invented. The generator is seeded, so the same code gives the same bytes:

    python scripts/generate_sample.py [--output seeds/sample]
"""

import argparse
import csv
import hashlib
import io
import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

SEED = 20261101
START = datetime(2026, 8, 1)
DAYS = 92
END = START + timedelta(days=DAYS)
GATEWAY_CALLS = 2920  # before retries, deliveries and the cases written by hand
# columns of the gateway format that the demo's gateway leaves empty
UNLOGGED = (
    "total_tokens",
    "cached_audio_tokens",
    "cached_image_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "web_search_requests",
    "generated_images",
    "input_pages",
    "input_annotated_pages",
    "input_characters",
    "output_characters",
    "input_seconds",
    "output_seconds",
    "queries",
    "source_cost",
    "metadata",
    "end_user_id",
    "agent_id",
    "key_alias",
    "project_id",
)
LITELLM_CALLS = 235
AFTER_CLOSING = "2026-09-03T04:10:00Z"


@dataclass(frozen=True)
class Model:
    """A model as the gateway names it, and which kinds of use of it have a list price."""

    provider: str
    name: str
    weight: int
    prompt_limit: int = 24000
    completion_limit: int = 3000
    cached_share: float = 0.4
    cache_write_share: float = 0.0
    reasoning_share: float = 0.0
    tiers: tuple[str, ...] = ()
    batch: str = "none"  # none, uncached (cached input has no batch price) or any
    regions: tuple[str, ...] = ("",)


MODELS = (
    Model("openai", "gpt-5.4", 14, reasoning_share=0.7, tiers=("flex", "priority"), batch="any"),
    Model("openai", "gpt-5-mini", 16, reasoning_share=0.5, tiers=("flex", "priority"), batch="any"),
    Model("openai", "gpt-4.1-mini", 8, tiers=("priority",), batch="uncached"),
    Model("openai", "gpt-5.5", 4, 60000, 5000, reasoning_share=0.8, tiers=("flex",), batch="any"),
    Model("openai", "text-embedding-3-small", 4, 9000, 0, cached_share=0),
    Model("anthropic", "claude-sonnet-5", 14, 40000, 4000, 0.6, 0.4, 0.3, batch="any"),
    Model("anthropic", "claude-opus-5", 5, 50000, 5000, 0.6, 0.4, 0.5, batch="any"),
    Model("anthropic", "claude-haiku-5-5", 8, 20000, 1500, 0.5, 0.3, batch="any"),
    Model("google", "gemini-2.5-pro", 6, reasoning_share=0.8, batch="uncached",
          regions=("europe-west4", "")),
    Model("google", "gemini-2.5-flash", 8, 30000, 2000, 0.3, batch="uncached",
          regions=("europe-west4", "")),
    Model("azure", "gpt-5", 8, reasoning_share=0.6, tiers=("priority",), batch="any",
          regions=("eastus2",)),
    Model("azure", "gpt-4.1", 4, tiers=("priority",), batch="uncached", regions=("eastus2",)),
    Model("bedrock", "amazon.nova-pro-v1:0", 5, tiers=("flex", "priority"), batch="uncached",
          regions=("us-east-1",)),
    Model("bedrock", "us.anthropic.claude-sonnet-4-6", 5, 30000, regions=("us-east-1",)),
    Model("bedrock", "global.anthropic.claude-sonnet-5", 3, 30000, regions=("us-east-1",)),
    Model("mistral", "mistral-large-4", 6, 16000, 2000, 0.2),
    Model("mistral", "mistral-small-2603", 4, 8000, 1000, 0.2),
    Model("deepseek", "deepseek-v4-flash", 7, 20000, 3000, 0.5, 0.0, 0.5),
)  # fmt: skip
UNPRICED_MODELS = (
    Model("openai", "gpt-7-preview", 1, reasoning_share=0.5),
    Model("cohere", "command-r-zz", 1, cached_share=0),
)
UNPRICED_CALLS = 15  # of each

CUSTOMERS = {
    "org-acme": ("Acme Manufacturing", 5),
    "org-globex": ("Globex Retail", 3),
    "org-initech": ("Initech Software", 2),
}
# Department -> weight, users, features.
DEPARTMENTS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "Engineering": (30, 24, ("code-review", "test-writer", "incident-notes")),
    "Customer Support": (28, 18, ("ticket-summary", "reply-draft")),
    "Marketing": (14, 9, ("campaign-copy", "translation")),
    "Finance": (10, 6, ("invoice-matching", "forecast-notes")),
    "Legal": (7, 5, ("contract-search",)),
    "Research": (9, 7, ("paper-digest", "data-labelling")),
    "": (2, 4, ("",)),
}
CLASSIFICATIONS = {"investment": 60, "waste": 12, "": 28}
PROJECTS = ("atlas", "beacon", "cobalt")
ENVIRONMENTS = ("prod", "prod", "staging")
# Calls per hour of the day (UTC), relative.
HOURS = (2, 2, 1, 1, 1, 2, 4, 8, 12, 14, 14, 12, 11, 13, 14, 13, 11, 9, 7, 5, 4, 3, 3, 2)

# Spelling of a start -> weight.
SPELLINGS = {"milliseconds": 70, "seconds": 14, "offset": 8, "naive": 8}

BATCH_SHARE = 0.06
TIER_SHARE = 0.12
FAILURE_SHARE = 0.025
PROXY_HIT_SHARE = 0.03
FALLBACK_SHARE = 0.02
LATE_SHARE = 0.012
HEADERS_SHARE = 0.18
IDENTICAL_DELIVERIES = 12
UPDATED_DELIVERIES = 12


# Helpers


def skewed(rng: random.Random, low: int, high: int) -> int:
    """Return a whole number from low to high, small ones far more often."""
    share = rng.random()
    return low + int((high - low) * share * share * share)


def pick(rng: random.Random, weights: Mapping[Any, int]) -> Any:
    """Return a key, as often as its weight says."""
    return rng.choices(list(weights), list(weights.values()))[0]


def random_start(rng: random.Random) -> datetime:
    """Return a moment of the three months, mostly on working days and in office hours."""
    day = START + timedelta(days=rng.randrange(DAYS))
    if day.weekday() >= 5 and rng.random() < 0.7:
        day = START + timedelta(days=rng.randrange(DAYS))
    hour = rng.choices(range(24), HOURS)[0]
    return day + timedelta(hours=hour, milliseconds=rng.randrange(3_600_000))


def clock(rng: random.Random, moment: datetime, spelling: str) -> str:
    """Return a UTC moment in the given spelling, or in any of those that gateways use."""
    spelling = spelling or pick(rng, SPELLINGS)
    if spelling == "milliseconds":
        return moment.isoformat(timespec="milliseconds") + "Z"
    if spelling == "seconds":
        return moment.isoformat(timespec="seconds") + "Z"
    if spelling == "naive":
        return moment.isoformat(sep=" ", timespec="milliseconds")
    berlin = moment.replace(tzinfo=timezone.utc).astimezone(timezone(timedelta(hours=2)))
    return berlin.isoformat(timespec="milliseconds")


def compact(value: object) -> str:
    """Return JSON without blanks."""
    return json.dumps(value, separators=(",", ":"))


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Return rows of equal keys as CSV text with a header and LF line ends."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


# Gateway calls


@dataclass(frozen=True)
class Session:
    """Who calls, for what: shared by the calls of one session."""

    customer: str
    department: str
    feature: str
    user: str
    session: str
    classification: str
    project: str
    environment: str
    has_headers: bool


@dataclass(frozen=True)
class Call:
    """One call before it is spelt out as a row."""

    call_id: str
    session: Session
    model: Model
    started: datetime
    latency_ms: int
    prompt: int
    completion: int
    cached: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cache_hit: bool = False
    status: str = "success"
    tier: str = ""
    mode: str = ""
    requested: str = ""
    ingested: datetime = START
    spelling: str = ""  # of the start; empty takes any


def make_session(rng: random.Random) -> Session:
    """Return a session of a random customer and department."""
    customer = pick(rng, {name: weight for name, (_, weight) in CUSTOMERS.items()})
    department = pick(rng, {name: parts[0] for name, parts in DEPARTMENTS.items()})
    _, users, features = DEPARTMENTS[department]
    slug = department.lower().replace(" ", "-") or "shared"
    return Session(
        customer=customer,
        department=department,
        feature=rng.choice(features),
        user=f"{slug}-{rng.randrange(users) + 1:02d}",
        session=f"ses_{rng.getrandbits(32):08x}",
        classification=pick(rng, CLASSIFICATIONS),
        project=rng.choice(PROJECTS),
        environment=rng.choice(ENVIRONMENTS),
        has_headers=rng.random() < HEADERS_SHARE,
    )


def choose_mode(rng: random.Random, model: Model) -> tuple[str, str]:
    """Return service tier and processing mode, only such that have a price for the model."""
    if model.batch != "none" and rng.random() < BATCH_SHARE:
        return "", "batch"
    if model.tiers and rng.random() < TIER_SHARE:
        return rng.choice(model.tiers), rng.choice(("", "realtime"))
    tier = rng.choices(("", "standard", "default"), (60, 25, 15))[0]
    return tier, rng.choices(("", "realtime"), (70, 30))[0]


def make_call(rng: random.Random, session: Session, model: Model, started: datetime) -> Call:
    """Return a successful call with token counts that fit the model."""
    tier, mode = choose_mode(rng, model)
    prompt = skewed(rng, 120, model.prompt_limit)
    completion = skewed(rng, 20, model.completion_limit) if model.completion_limit else 0
    cached = cache_write = reasoning = 0
    may_cache = prompt > 1024 and not (mode == "batch" and model.batch == "uncached")
    if may_cache and rng.random() < model.cached_share:
        cached = prompt * rng.randrange(30, 85) // 100 // 64 * 64
    if may_cache and rng.random() < model.cache_write_share:
        cache_write = (prompt - cached) * rng.randrange(20, 90) // 100
    if rng.random() < model.reasoning_share:
        reasoning = completion * rng.randrange(20, 80) // 100
    latency = 180 + completion * 9 + rng.randrange(900)
    ingested = started + timedelta(milliseconds=latency, seconds=rng.randrange(2, 90))
    if rng.random() < LATE_SHARE:
        ingested += timedelta(days=rng.randrange(2, 7), seconds=rng.randrange(40_000))
    return Call(
        call_id=f"req_{rng.getrandbits(40):010x}",
        session=session,
        model=model,
        started=started,
        latency_ms=latency,
        prompt=prompt,
        completion=completion,
        cached=cached,
        cache_write=cache_write,
        reasoning=reasoning,
        tier=tier,
        mode=mode,
        requested=model.name,
        ingested=ingested.replace(microsecond=0),
    )


def failed(call: Call, rng: random.Random) -> Call:
    """Return the call as a failure that used nothing and ended early."""
    return replace(
        call,
        call_id=f"req_{rng.getrandbits(40):010x}",
        latency_ms=150 + rng.randrange(600),
        prompt=0,
        completion=0,
        cached=0,
        cache_write=0,
        reasoning=0,
        status="error",
    )


def later(call: Call, seconds: int) -> Call:
    """Return the call moved by some seconds, its ingestion with it."""
    shift = timedelta(seconds=seconds)
    return replace(call, started=call.started + shift, ingested=call.ingested + shift)


def usual_calls(rng: random.Random) -> list[Call]:
    """Return sessions of calls: failures, most with a retry, proxy-cache hits and fallbacks."""
    models = {model: model.weight for model in MODELS}
    calls: list[Call] = []
    while len(calls) < GATEWAY_CALLS:
        session, model, started = make_session(rng), pick(rng, models), random_start(rng)
        for _ in range(rng.randrange(1, 6)):
            call = make_call(rng, session, model, started)
            luck = rng.random()
            if luck < FAILURE_SHARE:
                calls.append(failed(call, rng))
                if rng.random() < 0.75:
                    calls.append(later(call, rng.randrange(1, 12)))
            elif luck < FAILURE_SHARE + PROXY_HIT_SHARE:
                calls.append(replace(call, cache_hit=True, latency_ms=5 + rng.randrange(40)))
            elif luck < FAILURE_SHARE + PROXY_HIT_SHARE + FALLBACK_SHARE:
                calls.append(replace(call, requested="auto"))
            else:
                calls.append(call)
            started += timedelta(seconds=rng.randrange(15, 1500), milliseconds=rng.randrange(1000))
    return [call for call in calls if call.started < END]


def unpriced_calls(rng: random.Random) -> list[Call]:
    """Return calls of models that no price list knows."""
    return [
        replace(make_call(rng, make_session(rng), model, random_start(rng)), tier="", mode="")
        for model in UNPRICED_MODELS
        for _ in range(UNPRICED_CALLS)
    ]


def special_calls(rng: random.Random) -> list[Call]:
    """Return the rare cases that the demo must show, each at a fixed time."""
    by_name = {model.name: model for model in MODELS}

    def call_at(moment: str, name: str, **changes: Any) -> Call:
        started = datetime.fromisoformat(moment)
        call = make_call(rng, make_session(rng), by_name[name], started)
        plain = {"tier": "", "mode": "", "cached": 0, "cache_write": 0, "reasoning": 0}
        arrived = started + timedelta(seconds=changes.get("latency_ms", 9000) // 1000 + 30)
        return replace(call, **{**plain, "ingested": arrived.replace(microsecond=0), **changes})

    def late(moment: str) -> dict[str, Any]:
        return {"ingested": datetime.fromisoformat(moment)}

    long_context = call_at(
        "2026-09-15 13:20:11.250", "gpt-5.5", prompt=300_000, completion=4_200, cached=98_304,
        reasoning=2_600, latency_ms=61_000,
    )  # fmt: skip
    shared_id = call_at("2026-09-08 10:00:00.100", "gpt-5-mini", call_id="req_shared00001")
    other_customer = "org-globex" if shared_id.session.customer != "org-globex" else "org-acme"
    twin = replace(
        call_at("2026-09-08 10:00:04.700", "gpt-5-mini", call_id="req_shared00001"),
        session=replace(shared_id.session, customer=other_customer, session="ses_shared02"),
    )
    return [
        long_context,
        call_at("2026-10-06 08:02:00.000", "claude-haiku-5-5", prompt=118_000, completion=900),
        shared_id,
        twin,
        # Over midnight and over the end of a month.
        call_at("2026-08-19 23:59:57.400", "claude-opus-5", latency_ms=12_300),
        call_at("2026-08-31 23:59:58.250", "claude-sonnet-5", latency_ms=21_000),
        call_at("2026-08-31 22:30:00.000", "gpt-4.1", spelling="offset"),
        call_at("2026-09-30 23:59:59.900", "gpt-5.4", latency_ms=8_400),
        call_at("2026-10-31 23:59:50.000", "mistral-large-4", latency_ms=15_000),
        call_at("2026-08-01 00:00:00.000", "gpt-5-mini", latency_ms=900),
        # Delivered days later, in the next month.
        call_at("2026-08-30 16:40:00.000", "gpt-5.4", **late("2026-09-03 04:10:00")),
        call_at("2026-08-31 11:05:00.000", "gemini-2.5-pro", **late("2026-09-04 04:10:00")),
        call_at("2026-09-29 09:30:00.000", "gpt-5", **late("2026-10-02 04:10:00")),
        # On both sides of a price change and of a daily price window.
        call_at("2026-09-09 23:59:59.999", "deepseek-v4-flash", latency_ms=2_000),
        call_at("2026-09-10 00:00:00.000", "deepseek-v4-flash", latency_ms=2_000),
        call_at("2026-09-22 00:59:59.500", "deepseek-v4-flash", latency_ms=2_000),
        call_at("2026-09-22 01:00:00.000", "deepseek-v4-flash", latency_ms=2_000),
        call_at("2026-09-22 10:00:00.000", "deepseek-v4-flash", latency_ms=2_000),
    ]


def faulty_calls(rng: random.Random) -> list[Call]:
    """Return the two rows that the demo rejects."""
    by_name = {model.name: model for model in MODELS}
    negative = make_call(rng, make_session(rng), by_name["gpt-5-mini"], datetime(2026, 9, 17, 9, 1))
    too_cached = make_call(rng, make_session(rng), by_name["gpt-5.4"], datetime(2026, 10, 8, 15, 2))
    return [
        replace(negative, completion=-5, reasoning=0, call_id="req_negative001"),
        replace(too_cached, prompt=1_000, cached=2_048, call_id="req_overcached1"),
    ]


def gateway_row(rng: random.Random, call: Call) -> dict[str, object]:
    """Return the call as a line of the gateway's log."""
    session = call.session
    ended = call.started + timedelta(milliseconds=call.latency_ms)
    # Either the end or the latency suffices; some gateways send only one of them.
    sends = rng.choices(("both", "end", "latency"), (80, 10, 10))[0]
    headers = {}
    if session.has_headers:
        headers = {"X-Cost-Project": session.project, "X-Cost-Environment": session.environment}
    return {
        "call_id": call.call_id,
        "customer_id": session.customer,
        "customer_name": CUSTOMERS[session.customer][0],
        "provider": call.model.provider,
        "model": call.model.name,
        "requested_model": call.requested,
        "started_at": clock(rng, call.started, call.spelling),
        "ended_at": "" if sends == "latency" else ended.isoformat(timespec="milliseconds") + "Z",
        "latency_ms": "" if sends == "end" else call.latency_ms,
        "prompt_tokens": call.prompt,
        "completion_tokens": call.completion,
        "cached_tokens": call.cached,
        "cache_write_tokens": call.cache_write,
        "reasoning_tokens": call.reasoning,
        "cache_hit": "true" if call.cache_hit else "false",
        "status": call.status,
        "service_tier": call.tier,
        "processing_mode": call.mode,
        "region": rng.choice(call.model.regions),
        "cost_department": session.department,
        "cost_feature": session.feature,
        "cost_user": session.user,
        "cost_session": session.session,
        "classification": session.classification,
        "headers": compact(headers) if headers else "",
        # what this gateway does not log
        **dict.fromkeys(UNLOGGED, ""),
        "ingested_at": call.ingested.isoformat() + "Z",
    }


def updated(rng: random.Random, row: dict[str, object]) -> dict[str, object]:
    """Return a later delivery of the row, with the final, larger counts."""
    first = datetime.fromisoformat(str(row["ingested_at"]).rstrip("Z"))
    return {
        **row,
        "prompt_tokens": int(str(row["prompt_tokens"])) + 40,
        "completion_tokens": int(str(row["completion_tokens"])) + rng.randrange(10, 400),
        "ingested_at": (first + timedelta(minutes=rng.randrange(5, 300))).isoformat() + "Z",
    }


def gateway_calls() -> str:
    """Return the gateway's call log as CSV, in the order of delivery."""
    rng = random.Random(SEED)
    calls = usual_calls(rng) + unpriced_calls(rng)
    rows = [gateway_row(rng, call) for call in calls]
    good = [row for row in rows if row["status"] == "success" and row["completion_tokens"]]
    again = rng.sample(good, IDENTICAL_DELIVERIES + UPDATED_DELIVERIES)
    rows += [dict(row) for row in again[:IDENTICAL_DELIVERIES]]
    later = [updated(rng, row) for row in again[IDENTICAL_DELIVERIES:]]
    # One of them comes when OpenAI's August is closed (raw_billing_periods.csv).
    of_august = [
        row
        for row in later
        if row["provider"] == "openai" and str(row["ingested_at"]).startswith("2026-08")
    ]
    for restated in of_august[:1]:
        restated["ingested_at"] = AFTER_CLOSING
    rows += later
    rows += [gateway_row(rng, call) for call in special_calls(rng) + faulty_calls(rng)]
    rows.sort(key=lambda row: (str(row["ingested_at"]), str(row["call_id"])))
    return as_csv(rows)


# LiteLLM spend logs


@dataclass(frozen=True)
class Team:
    """A team of the LiteLLM proxy with its key."""

    team_id: str
    alias: str
    organization: str
    user: str
    key_alias: str
    app: str
    cost_center: str
    weight: int

    @property
    def api_key(self) -> str:
        """Return the hash under which LiteLLM stores the key."""
        return hashlib.sha256(self.key_alias.encode()).hexdigest()


TEAMS = (
    Team("team-payments", "Payments", "org-initech", "svc-checkout", "checkout-prod",
         "app:checkout", "CC-108", 4),
    Team("team-cx", "Customer Experience", "org-initech", "svc-support", "support-prod",
         "app:support", "CC-107", 4),
    Team("team-ds", "Data Science", "", "svc-research", "research-prod",
         "app:research", "CC-112", 3),
)  # fmt: skip


@dataclass(frozen=True)
class Rates:
    """US dollars per million tokens, and per single web search."""

    input: str
    output: str
    cache_read: str = "0"
    cache_write_5m: str = "0"
    cache_write_1h: str = "0"
    web_search: str = "0"


# (provider as LiteLLM spells it, model, tier or mode) -> what LiteLLM reckons the call costs.
RATES = {
    ("openai", "gpt-5.4", ""): Rates("2.5", "15", "0.25"),
    ("openai", "gpt-5.4", "flex"): Rates("1.25", "7.5", "0.13"),
    ("openai", "gpt-5.4", "priority"): Rates("5", "30", "0.5"),
    ("openai", "gpt-5-mini", ""): Rates("0.25", "2", "0.025"),
    ("openai", "gpt-5-mini", "flex"): Rates("0.125", "1", "0.0125"),
    ("openai", "gpt-5-mini", "priority"): Rates("0.45", "3.6", "0.045"),
    ("openai", "gpt-5-mini", "batch"): Rates("0.125", "1", "0.0125"),
    ("openai", "text-embedding-3-small", ""): Rates("0.02", "0"),
    ("anthropic", "claude-sonnet-5", ""): Rates("2", "10", "0.2", "2.5", "4", "0.01"),
    ("anthropic", "claude-opus-5", ""): Rates("5", "25", "0.5", "6.25", "10", "0.01"),
    ("bedrock", "us.anthropic.claude-sonnet-4-6", ""): Rates("3.3", "16.5", "0.33", "4.125", "6.6"),
    ("azure", "gpt-5", ""): Rates("1.25", "10", "0.125"),
    ("vertex_ai", "gemini-2.5-pro", ""): Rates("1.25", "10", "0.125"),
}
LITELLM_WEIGHTS = {
    ("openai", "gpt-5.4", ""): 14,
    ("openai", "gpt-5.4", "flex"): 4,
    ("openai", "gpt-5.4", "priority"): 3,
    ("openai", "gpt-5-mini", ""): 18,
    ("openai", "gpt-5-mini", "flex"): 2,
    ("openai", "gpt-5-mini", "priority"): 4,
    ("openai", "text-embedding-3-small", ""): 6,
    ("anthropic", "claude-sonnet-5", ""): 18,
    ("anthropic", "claude-opus-5", ""): 8,
    ("bedrock", "us.anthropic.claude-sonnet-4-6", ""): 7,
    ("azure", "gpt-5", ""): 8,
    ("vertex_ai", "gemini-2.5-pro", ""): 8,
}
API_BASES = {
    "openai": "https://api.openai.com",
    "anthropic": "https://api.anthropic.com",
    "azure": "https://example-eus2.openai.azure.com",
}
# Providers whose usage objects carry a breakdown of cache writes.
CLAUDE_PROVIDERS = ("anthropic", "bedrock")
LITELLM_CACHE_HITS = 12
LITELLM_FAILURES = 14
LITELLM_BATCHES = 6
LITELLM_PTU_CALLS = 14
LITELLM_DUPLICATES = 8


@dataclass(frozen=True)
class Usage:
    """Token counts as LiteLLM normalises them: prompt holds reads and writes of the cache."""

    prompt: int
    completion: int
    cached: int = 0
    write_5m: int = 0
    write_1h: int = 0
    write_unknown: int = 0
    reasoning: int = 0
    web_searches: int = 0

    @property
    def writes(self) -> int:
        """Return all tokens written to the provider's cache."""
        return self.write_5m + self.write_1h + self.write_unknown


def naive(moment: datetime) -> str:
    """Return a timestamp as Postgres prints it: UTC, without saying so."""
    return moment.isoformat(sep=" ", timespec="milliseconds")


def random_uuid(rng: random.Random) -> str:
    """Return a random id in the shape of a UUID 4."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def cost_breakdown(usage: Usage, rates: Rates, tier: str) -> dict[str, Any]:
    """Return what LiteLLM reckons, in binary floats as it does."""

    def cost(tokens: int, rate: str) -> float:
        return float(tokens * Decimal(rate) / 1_000_000)

    uncached = usage.prompt - usage.cached - usage.writes
    # A write without a time to live takes the provider's default, five minutes.
    writes = cost(usage.write_5m + usage.write_unknown, rates.cache_write_5m)
    parts = {
        "input_cost": cost(uncached, rates.input),
        "cache_read_cost": cost(usage.cached, rates.cache_read),
        "cache_creation_cost": writes + cost(usage.write_1h, rates.cache_write_1h),
        "output_cost": cost(usage.completion, rates.output),
        "tool_usage_cost": float(usage.web_searches * Decimal(rates.web_search)),
    }
    # Not sum(), which rounds otherwise from Python 3.12 on.
    total = reduce(add, parts.values())
    parts["reasoning_cost"] = cost(usage.reasoning, rates.output)  # a part of output_cost
    return {"service_tier": tier or None, **parts, "total_cost": total}


def usage_object(usage: Usage, provider: str) -> dict[str, Any]:
    """Return the usage object in the shape that LiteLLM stores for the provider."""
    details: dict[str, Any] = {"cached_tokens": usage.cached, "audio_tokens": None}
    result: dict[str, Any] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    if provider in CLAUDE_PROVIDERS:
        details["text_tokens"] = usage.prompt - usage.cached - usage.writes
        details["cache_creation_tokens"] = usage.writes
        if not usage.write_unknown:
            details["cache_creation_token_details"] = {
                "ephemeral_5m_input_tokens": usage.write_5m,
                "ephemeral_1h_input_tokens": usage.write_1h,
            }
        result["cache_creation_input_tokens"] = usage.writes
        result["cache_read_input_tokens"] = usage.cached
    elif usage.cached:
        result["cache_read_input_tokens"] = usage.cached
    if usage.web_searches:
        result["server_tool_use"] = {"web_search_requests": usage.web_searches}
    return result


def metadata_of(team: Team, status: str, **more: Any) -> dict[str, Any]:
    """Return the metadata that every spend log carries, and what comes with this one."""
    return {
        "user_api_key": team.api_key,
        "user_api_key_alias": team.key_alias,
        "user_api_key_team_id": team.team_id,
        "user_api_key_team_alias": team.alias,
        "user_api_key_user_id": team.user,
        "user_api_key_org_id": team.organization or None,
        "user_api_key_project_id": None,
        "spend_logs_metadata": {"cost_center": team.cost_center, "env": "prod"},
        "applied_guardrails": [],
        "status": status,
        "batch_models": None,
        "attempted_retries": 2 if status == "failure" else 0,
        "max_retries": 2,
        **more,
    }


def spend_log(
    rng: random.Random,
    team: Team,
    provider: str,
    model: str,
    started: datetime,
    duration_ms: int,
    metadata: dict[str, Any],
    usage: Usage | None = None,
    **changes: object,
) -> dict[str, object]:
    """Return one line of LiteLLM_SpendLogs."""
    usage = usage or Usage(0, 0)
    ended = started + timedelta(milliseconds=duration_ms)
    breakdown = metadata.get("cost_breakdown") or {}
    prefix = "msg_" if provider == "anthropic" else "chatcmpl-"
    stored = ended + timedelta(seconds=4)
    return {
        "request_id": f"{prefix}{rng.getrandbits(96):024x}",
        "call_type": "acompletion",
        "api_key": team.api_key,
        "spend": repr(breakdown.get("total_cost", 0.0)),
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "startTime": naive(started),
        "endTime": naive(ended),
        "request_duration_ms": duration_ms,
        "completionStartTime": naive(started + timedelta(milliseconds=duration_ms // 5)),
        "model": model,
        "model_id": hashlib.sha256(f"{provider}/{model}".encode()).hexdigest()[:40],
        "model_group": model,
        "custom_llm_provider": provider,
        "api_base": API_BASES.get(provider, ""),
        "user": team.user,
        "metadata": json.dumps(metadata),
        "cache_hit": "False",
        "cache_key": "Cache OFF",
        "request_tags": json.dumps([team.app, "env:prod", "User-Agent: OpenAI"]),
        "team_id": team.team_id,
        "organization_id": team.organization,
        "end_user": "cust-8841" if team.team_id == "team-cx" else "",
        "requester_ip_address": "",
        "messages": "{}",
        "response": "{}",
        "session_id": random_uuid(rng),
        "status": metadata["status"],
        "mcp_namespaced_tool_name": "",
        "billing_agent_id": "",
        "agent_id": "",
        "proxy_server_request": "{}",
        "litellm_call_id": random_uuid(rng),
        "created_at": naive(stored),
        "updated_at": naive(stored),
        **changes,
    }


def choose_usage(rng: random.Random, provider: str, model: str) -> Usage:
    """Return token counts that fit the provider."""
    prompt = skewed(rng, 300, 40_000)
    if model.startswith("text-embedding"):
        return Usage(prompt, 0)
    completion = skewed(rng, 30, 4_000)
    reasoning = completion * rng.randrange(20, 75) // 100 if rng.random() < 0.5 else 0
    cached = prompt // 2 // 64 * 64 if prompt > 1024 and rng.random() < 0.5 else 0
    if provider not in CLAUDE_PROVIDERS:
        return Usage(prompt, completion, cached, reasoning=reasoning)
    write = (prompt - cached) * rng.randrange(30, 80) // 100 if rng.random() < 0.6 else 0
    shape = rng.choices(("5m", "1h", "both"), (60, 25, 15))[0]
    write_1h = {"5m": 0, "1h": write, "both": write // 3}[shape]
    searches = rng.randrange(1, 5) if provider == "anthropic" and rng.random() < 0.12 else 0
    return Usage(
        prompt, completion, cached, write - write_1h, write_1h, 0, reasoning, searches
    )  # fmt: skip


def paid_log(
    rng: random.Random,
    team: Team,
    key: tuple[str, str, str],
    started: datetime,
    usage: Usage,
    **more: Any,
) -> dict[str, object]:
    """Return the spend log of a call that the provider charges."""
    provider, model, tier = key
    stored_usage = usage_object(usage, provider)
    metadata = metadata_of(
        team,
        "success",
        usage_object=stored_usage,
        additional_usage_values={
            name: value
            for name, value in stored_usage.items()
            if name.endswith("_details") or name.startswith("cache_")
        },
        cost_breakdown=cost_breakdown(usage, RATES[key], tier),
        model_map_information={"model_map_key": model},
        **more,
    )
    call_type = "aembedding" if model.startswith("text-embedding") else "acompletion"
    duration = 200 + usage.completion * 8 + rng.randrange(1_500)
    return spend_log(
        rng, team, provider, model, started, duration, metadata, usage, call_type=call_type
    )


def cache_hit_log(rng: random.Random, original: dict[str, object]) -> dict[str, object]:
    """Return the answer of LiteLLM's own response cache to a repeated call."""
    started = datetime.fromisoformat(str(original["endTime"])) + timedelta(seconds=60)
    ended = started + timedelta(milliseconds=10)
    epoch = (ended - datetime(1970, 1, 1)) / timedelta(seconds=1)
    metadata = json.loads(str(original["metadata"]))
    metadata.pop("model_map_information")
    metadata |= {"usage_object": None, "additional_usage_values": {}, "cost_breakdown": None}
    stored = naive(ended + timedelta(seconds=4))
    return {
        **original,
        "request_id": f"{original['request_id']}_cache_hit{epoch:.4f}",
        "spend": "0.0",
        "startTime": naive(started),
        "endTime": naive(ended),
        "completionStartTime": naive(started + timedelta(milliseconds=2)),
        "request_duration_ms": 10,
        "metadata": json.dumps(metadata),
        "cache_hit": "True",
        "cache_key": hashlib.sha256(str(original["request_id"]).encode()).hexdigest(),
        "session_id": random_uuid(rng),
        "litellm_call_id": random_uuid(rng),
        "created_at": stored,
        "updated_at": stored,
    }


def failure_log(rng: random.Random, team: Team, started: datetime) -> dict[str, object]:
    """Return a call that the provider refused."""
    error = {
        "error_code": "429",
        "error_class": "RateLimitError",
        "llm_provider": "openai",
        "error_message": "litellm.RateLimitError",
    }
    metadata = metadata_of(team, "failure", error_information=error, cost_breakdown=None)
    return spend_log(rng, team, "openai", "gpt-5-mini", started, 300, metadata)


def batch_logs(rng: random.Random, team: Team, started: datetime) -> list[dict[str, object]]:
    """Return the row of a batch's creation and the row of its cost, hours later."""
    batch_id = f"batch_{rng.getrandbits(128):032x}"
    created = spend_log(
        rng,
        team,
        "openai",
        "gpt-5-mini",
        started,
        1_100,
        metadata_of(team, "success", usage_object=None, cost_breakdown=None),
        request_id=batch_id,
        call_type="acreate_batch",
    )
    usage = Usage(rng.randrange(200, 900) * 1_000, rng.randrange(40, 200) * 1_000)
    total = cost_breakdown(usage, RATES[("openai", "gpt-5-mini", "batch")], "")["total_cost"]
    metadata = metadata_of(
        team,
        "success",
        batch_successful_requests=rng.randrange(100, 400),
        batch_failed_requests=0,
        usage_object={
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
        },
        additional_usage_values={},
    )
    metadata["batch_models"] = ["gpt-5-mini-2025-08-07"]
    settled = spend_log(
        rng,
        team,
        "openai",
        "gpt-5-mini",
        started + timedelta(hours=rng.randrange(3, 20), seconds=rng.randrange(3_600)),
        200,
        metadata,
        usage,
        request_id=f"{batch_id}_batch_cost",
        call_type="aretrieve_batch",
        spend=repr(total),
    )
    return [created, settled]


def provisioned_log(rng: random.Random, team: Team, started: datetime) -> dict[str, object]:
    """Return a call to a provisioned deployment: paid as capacity, so without spend."""
    usage = Usage(skewed(rng, 500, 12_000), skewed(rng, 50, 1_500))
    metadata = metadata_of(
        team,
        "success",
        usage_object={
            "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion,
            "total_tokens": usage.prompt + usage.completion,
        },
        additional_usage_values={},
        cost_breakdown={"input_cost": 0.0, "output_cost": 0.0, "total_cost": 0.0},
        model_map_information={"model_map_key": "azure/gpt-4o-2024-11-20"},
    )
    return spend_log(
        rng, team, "azure", "gpt-4o", started, 1_800, metadata, usage, model_group="gpt-4o-ptu"
    )


def litellm_spend_logs() -> str:
    """Return LiteLLM_SpendLogs as Postgres copies it to CSV."""
    rng = random.Random(SEED + 1)
    teams = {team: team.weight for team in TEAMS}
    payments, support, research = TEAMS

    def some(count: int, make: Callable[[Team, datetime], dict[str, object]]) -> list[Any]:
        return [make(pick(rng, teams), random_start(rng)) for _ in range(count)]

    def provisioned(_: Team, started: datetime) -> dict[str, object]:
        return provisioned_log(rng, payments, started)

    def usual(team: Team, started: datetime) -> dict[str, object]:
        key = pick(rng, LITELLM_WEIGHTS)
        return paid_log(rng, team, key, started, choose_usage(rng, key[0], key[1]))

    rows = some(LITELLM_CALLS, usual)
    cacheable = [row for row in rows if row["model"] == "gpt-5-mini"][:LITELLM_CACHE_HITS]
    rows += [cache_hit_log(rng, row) for row in cacheable]
    rows += some(LITELLM_FAILURES, lambda team, at: failure_log(rng, team, at))
    rows += some(LITELLM_PTU_CALLS, provisioned)
    for number in range(LITELLM_BATCHES):
        rows += batch_logs(rng, research, START + timedelta(days=4 + 15 * number, hours=13))
    rows += [
        # Over the limit of a provisioned deployment, so paid by the token.
        paid_log(
            rng, payments, ("azure", "gpt-5", ""), datetime(2026, 9, 22, 9, 0, 5),
            Usage(9_000, 1_100, 4_096, reasoning=512),
            azure_spillover={"from_deployment": "gpt-5-ptu-eus2"},
        ),
        # Written by an old release: cache writes without their time to live.
        paid_log(
            rng, support, ("anthropic", "claude-sonnet-5", ""), datetime(2026, 8, 3, 11, 2, 10),
            Usage(8_150, 910, write_unknown=5_000),
        ),
        paid_log(
            rng, research, ("anthropic", "claude-opus-5", ""),
            datetime(2026, 8, 31, 23, 59, 58, 250_000),
            Usage(20_512, 2_000, write_1h=20_000, reasoning=900, web_searches=3),
        ),
    ]  # fmt: skip
    rows.sort(key=lambda row: (str(row["created_at"]), str(row["request_id"])))
    # Two extracts overlap: the second one repeats lines of the first.
    repeated = sorted(rng.sample(range(len(rows)), LITELLM_DUPLICATES))
    return as_csv(rows + [rows[number] for number in repeated])


# Usage reports


@dataclass(frozen=True)
class Report:
    """A department's use of one model without a gateway, as its provider's usage report sums it."""

    department: str
    provider: str
    account: tuple[str, str]
    model: str
    project: str
    millions: Mapping[str, int]  # tokens of a working day at the middle of the three months
    region: str = ""
    starts: datetime = START
    ends: datetime = END


ACME_OPENAI = ("org-acme", "Acme Manufacturing")
ACME_ANTHROPIC = ("acme-direct", "Acme Manufacturing, Claude API")
REPORTS = (
    Report("Engineering", "anthropic", ACME_ANTHROPIC, "claude-sonnet-5", "proj-build-agents",
           {"input": 220, "cache_read": 900, "cache_write_5m": 60, "output": 42,
            "output_reasoning": 12}),
    # The assistant of the support desk moves to a model of half the price, and is used more.
    Report("Customer Support", "openai", ACME_OPENAI, "gpt-5.5", "proj-desk-assistant",
           {"input": 110, "cache_read": 200, "output": 14}, ends=datetime(2026, 9, 21)),
    Report("Customer Support", "openai", ACME_OPENAI, "gpt-5.4", "proj-desk-assistant",
           {"input": 165, "cache_read": 300, "output": 21}, starts=datetime(2026, 9, 21)),
    Report("Marketing", "azure", ("ABCD-EFGH", "Acme Manufacturing, Azure"), "gpt-5",
           "proj-campaigns", {"input": 120, "cache_read": 100, "output": 22}, region="eastus2"),
    Report("Finance", "bedrock", ("999988887777", "Acme Manufacturing, AWS"),
           "us.anthropic.claude-sonnet-4-6", "proj-ledger",
           {"input": 60, "cache_read": 150, "output": 9}, region="us-east-1"),
    Report("Legal", "openai", ACME_OPENAI, "gpt-5.4", "proj-contracts",
           {"input": 80, "output": 8, "output_reasoning": 6}, starts=datetime(2026, 9, 1)),
    Report("Research", "anthropic", ACME_ANTHROPIC, "claude-opus-5", "proj-simulation",
           {"input": 45, "cache_read": 160, "output": 11, "output_reasoning": 8}),
)  # fmt: skip
# An agent of Research that called itself until somebody stopped it.
BAD_DAY, BAD_PROJECT, BAD_FACTOR = datetime(2026, 10, 14), "proj-simulation", 8
TOKENS_PER_REQUEST = 4_000
BUCKET_COLUMNS = (
    "provider", "account_id", "account_name", "model", "bucket_start", "bucket_width", "meter",
    "quantity", "requests", "department", "project_id", "api_key_id", "service_tier",
    "processing_mode", "region", "ingested_at",
)  # fmt: skip


def bucket_row(*cells: object) -> dict[str, object]:
    """Return the cells as a row of a usage report."""
    return dict(zip(BUCKET_COLUMNS, cells, strict=True))


def busyness(rng: random.Random, day: datetime) -> Decimal:
    """Return how much of a usual working day's use a day has: it grows, and weekends are quiet."""
    growth = 75 + 50 * (day - START).days // DAYS
    share = 25 if day.weekday() >= 5 else 100
    return Decimal(growth * share * rng.randrange(90, 111)) / 1_000_000


def reported_days(rng: random.Random, report: Report) -> list[dict[str, object]]:
    """Return the rows of a report, one per day and meter, taken in the night after."""
    rows = []
    for number in range(DAYS):
        day = START + timedelta(days=number)
        if not report.starts <= day < report.ends:
            continue
        factor = busyness(rng, day)
        if day == BAD_DAY and report.project == BAD_PROJECT:
            factor *= BAD_FACTOR
        tokens = {
            meter: int(millions * factor * 1_000_000) for meter, millions in report.millions.items()
        }
        requests = tokens["input"] // TOKENS_PER_REQUEST
        taken = f"{day + timedelta(days=1):%Y-%m-%d}T02:00:00Z"
        rows += [
            bucket_row(
                report.provider, *report.account, report.model, f"{day:%Y-%m-%d}", "1d", meter,
                quantity, requests, report.department, report.project, "", "", "", report.region,
                taken,
            )
            for meter, quantity in tokens.items()
        ]  # fmt: skip
    return rows


def special_buckets() -> list[dict[str, object]]:
    """Return the buckets of an account without a log: one told twice, one of an hour."""
    umbra = ("xai", "org-umbra", "Umbra Analytics")

    def of_day(day: int, meter: str, quantity: int, requests: int, taken: str) -> dict[str, object]:
        return bucket_row(
            *umbra, "grok-4.7", f"2026-10-{day:02d}", "1d", meter, quantity, requests, "Research",
            "proj-signals", "key-signals", "", "", "", taken,
        )  # fmt: skip

    def of_hour(meter: str, quantity: int) -> dict[str, object]:
        return bucket_row(
            *umbra, "grok-4-fast-reasoning", "2026-10-06T14:00:00Z", "1h", meter, quantity, 90,
            "Operations", "proj-desk", "", "", "", "", "2026-10-06T15:10:00Z",
        )  # fmt: skip

    return [
        of_day(5, "input", 120_000, 40, "2026-10-06T02:00:00Z"),
        of_day(5, "cache_read", 60_000, 40, "2026-10-06T02:00:00Z"),
        of_day(5, "output", 20_000, 40, "2026-10-06T02:00:00Z"),
        of_day(5, "output_reasoning", 10_000, 40, "2026-10-06T02:00:00Z"),
        of_day(31, "input", 80_000, 30, "2026-11-01T02:00:00Z"),
        of_day(31, "output", 15_000, 30, "2026-11-01T02:00:00Z"),
        of_day(31, "input", 100_000, 35, "2026-11-02T02:00:00Z"),
        of_hour("prompt", 500_000),
        of_hour("output", 100_000),
    ]


def provider_usage() -> str:
    """Return usage reports of several providers as CSV."""
    rng = random.Random(SEED + 2)
    rows = special_buckets()
    for report in REPORTS:
        rows += reported_days(rng, report)
    return as_csv(rows)


SEEDS = {
    "raw_gateway_calls.csv": gateway_calls,
    "raw_litellm_spend_logs.csv": litellm_spend_logs,
    "raw_provider_usage.csv": provider_usage,
}


def main() -> None:
    """Write the seeds."""
    here = Path(__file__).resolve().parent.parent / "seeds" / "sample"
    parser = argparse.ArgumentParser(description="Write the synthetic usage seeds of the demo.")
    parser.add_argument("--output", type=Path, default=here, help="folder (seeds/sample)")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in SEEDS.items():
        (folder / name).write_bytes(make().encode())


if __name__ == "__main__":
    main()
