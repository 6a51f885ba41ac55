"""Makes calls of every model of LiteLLM's price map, and holds their costs against the map's own.

    python scripts/try_litellm_map.py model_prices_and_context_window.json

A row of LiteLLM's spend log per name that has a price of tokens: with uncached, cached and written
tokens, reasoning and answer, as far as the map has prices of them. Besides, a row per context
limit, per tier, for audio and images, and per uplift of data residency and fast mode. This checkout
builds them; what each call should cost is the map's price times the tokens, in decimals.

A difference is explained where each price that differs stands in
seeds/pricing/ai_reviewed_differences.csv, or where the map made its price by a division (yuan by
seven): the book can't hold such a one. Exit code 1: a call differs otherwise, or fewer than 90 % of
the names have a price.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import duckdb

SEEDS = Path(__file__).parents[1] / "seeds"
REVIEWED = SEEDS / "pricing" / "ai_reviewed_differences.csv"
MILLION = 1_000_000
LEAST_SHARE = Decimal("0.9")
# LiteLLM's suffix of a field -> service tier as a row tells it
TIERS = {
    "": None,
    "_batches": "batch",
    "_flex": "flex",
    "_priority": "priority",
    "_balanced": "balanced",
    "_ultrafast": "ultrafast",
}
# the makers behind a platform: vertex_ai-llama_models, logged with the platform alone
OF_PLATFORM = re.compile(r"-[a-z0-9-]+[-_]models$")
# how LiteLLM logs a provider that its map has under another name
LOGGED_AS = {"bedrock_converse": "bedrock"}
ABOVE = re.compile(r"input_cost_per_token_above_(\d+)k_tokens")
# the map is written by floating-point arithmetic, which keeps 15 digits surely
FLOAT = Context(prec=15)
DECIMALS_OF_BOOK = 12
INPUT, OUTPUT = "input_cost_per_token", "output_cost_per_token"
CACHE_READ = "cache_read_input_token_cost"
CACHE_WRITES = {
    "cache_write": (113, "cache_creation_input_token_cost"),
    "cache_write_1h": (59, "cache_creation_input_token_cost_above_1hr"),
    "cache_write_12h": (37, "cache_creation_input_token_cost_above_12hr"),
}
REASONING = "output_cost_per_reasoning_token"
# uplift of the map -> the region that a row tells
UPLIFTS = {
    "regional_processing_uplift_multiplier_eu": "eu",
    "regional_processing_uplift_multiplier_us": "us",
    "fedramp_uplift_multiplier": "fedramp",
    "regional_endpoint_uplift_multiplier": "europe-west4",
}


@dataclass
class Call:
    """A call and what the map says of it: tokens and price per token by meter."""

    name: str
    kind: str
    entry: dict[str, Any]
    tier: str | None = None
    region: str | None = None
    factor: Decimal = Decimal(1)
    is_fast: bool = False
    parts: dict[str, tuple[int, Decimal]] = field(default_factory=dict)

    @property
    def cost(self) -> Decimal:
        """What the map says that the call costs."""
        total = sum((tokens * price for tokens, price in self.parts.values()), Decimal(0))
        return total * self.factor

    def row(self, number: int, moment: datetime) -> dict[str, Any]:
        """Give the row that LiteLLM's proxy writes of the call."""
        provider = OF_PLATFORM.sub("", self.entry["litellm_provider"])
        provider = LOGGED_AS.get(provider, provider)
        is_prefixed = self.name.startswith(f"{provider}/")
        tokens = {meter: count for meter, (count, _) in self.parts.items()}
        prompt = sum(count for meter, count in tokens.items() if not meter.startswith("output"))
        completion = sum(tokens.values()) - prompt
        usage: dict[str, Any] = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {
                "cached_tokens": tokens.get("cache_read", 0),
                "audio_tokens": tokens.get("input_audio", 0),
                "image_tokens": tokens.get("input_image", 0),
                "cache_creation_token_details": {
                    "ephemeral_5m_input_tokens": 0,
                    "ephemeral_1h_input_tokens": tokens.get("cache_write_1h", 0),
                    "ephemeral_12h_input_tokens": tokens.get("cache_write_12h", 0),
                },
            },
            "completion_tokens_details": {
                "reasoning_tokens": tokens.get("output_reasoning", 0),
                "audio_tokens": tokens.get("output_audio", 0),
                "image_tokens": tokens.get("output_image", 0),
            },
            "cache_creation_input_tokens": sum(tokens.get(meter, 0) for meter in CACHE_WRITES),
        }
        breakdown = {"service_tier": self.tier}
        if self.is_fast:
            usage["speed"] = "fast"
        if is_of_anthropic(self.entry):
            usage["inference_geo"] = self.region or "not_available"
        elif provider == "vertex_ai":
            breakdown["vertex_location"] = self.region
        else:
            breakdown["data_residency"] = self.region
        model = self.name if is_prefixed else f"{provider}/{self.name}"
        return {
            "request_id": str(number),
            "call_type": "acompletion",
            "startTime": moment.isoformat(),
            "endTime": (moment + timedelta(seconds=2)).isoformat(),
            "model": model,
            "custom_llm_provider": provider,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "spend": float(self.cost),
            "status": "success",
            "metadata": {
                "usage_object": usage,
                "cost_breakdown": breakdown,
                "model_map_information": {
                    "model_map_key": model,
                    "model_map_value": {"key": self.name},
                },
            },
        }


def is_of_anthropic(entry: dict[str, Any]) -> bool:
    """Tell whether the answers come from Anthropic's own service, which tells where it ran."""
    return "us" in factors_of_entry(entry)


def factors_of_entry(entry: dict[str, Any]) -> dict[str, Decimal]:
    """Give the factors of a place and of fast mode."""
    return entry.get("provider_specific_entry") or {}


def price(entry: dict[str, Any], name: str, above: int, tier: str) -> Decimal | None:
    """Give the price of a field beyond a context limit, that of shorter ones where it has none."""
    names = [f"{name}_above_{above // 1000}k_tokens{tier}"] if above else []
    return next((entry[one] for one in [*names, name + tier] if entry.get(one) is not None), None)


def bands_of(entry: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the prices by length of the prompt, the shortest first."""
    bands = entry.get("tiered_pricing")
    known = [one for one in bands if "range" in one] if isinstance(bands, list) else []
    return sorted(known, key=lambda one: one["range"][0])


def has_token_price(entry: dict[str, Any]) -> bool:
    """Tell whether tokens cost anything."""
    return any(one.get(name) for one in (entry, *bands_of(entry)) for name in (INPUT, OUTPUT))


def parts_of(entry: dict[str, Any], above: int = 0, tier: str = "") -> dict[str, Any]:
    """Give tokens and price of each meter that the map prices at this length and in this tier."""
    counts = {"input": (above + 1_003, INPUT), "output": (307, OUTPUT)}
    if entry.get("mode") in ("chat", "completion", "responses"):
        counts |= {"cache_read": (211, CACHE_READ), **CACHE_WRITES}
    parts = {
        meter: (count, found)
        for meter, (count, name) in counts.items()
        if (found := price(entry, name, above, tier)) is not None
        # what has no answer in tokens has no price of them
        and (found or meter != "output" or "cache_read" in counts)
    }
    if entry.get("supports_reasoning") and "output" in parts:
        reasoning = price(entry, REASONING, above, tier)
        parts["output_reasoning"] = (41, parts["output"][1] if reasoning is None else reasoning)
    return parts


def kinds_of(entry: dict[str, Any]) -> dict[str, Any]:
    """Give audio and images beside text, as far as the map prices them."""
    fields = {
        "input_audio": "input_cost_per_audio_token",
        "input_image": "input_cost_per_image_token",
        "output_audio": "output_cost_per_audio_token",
        "output_image": "output_cost_per_image_token",
    }
    kinds = {meter: (73, entry[name]) for meter, name in fields.items() if entry.get(name)}
    text = {meter: part for meter, part in parts_of(entry).items() if meter in ("input", "output")}
    return {**text, **kinds} if kinds else {}


def calls_of_name(name: str, entry: dict[str, Any]) -> Iterator[Call]:
    """Give the calls of a name, the plain one first."""
    bands = bands_of(entry)
    # the lowest of the bands is what a short prompt costs
    yield Call(name, "plain", entry, parts=parts_of(entry | (bands[0] if bands else {})))
    for band in bands[1:]:
        above = int(band["range"][0])
        parts = parts_of({**entry, **band})
        parts["input"] = (above + 1_003, parts["input"][1])
        yield Call(name, "long", entry, parts=parts)
    limits = {int(found[1]) * 1000 for field in entry if (found := ABOVE.fullmatch(field))}
    # no call is longer than what the model takes
    limits = {above for above in limits if above < (entry.get("max_input_tokens") or above + 1)}
    factors = {UPLIFTS[field]: entry[field] for field in UPLIFTS if entry.get(field)}
    factors |= {
        region: factor for region, factor in factors_of_entry(entry).items() if region == "us"
    }
    for suffix, tier in TIERS.items():
        if entry.get(INPUT + suffix) is None or entry.get(OUTPUT + suffix) is None:
            continue
        if tier:
            yield Call(name, tier, entry, tier, parts=parts_of(entry, tier=suffix))
        for above in sorted(limits):
            if f"{INPUT}_above_{above // 1000}k_tokens{suffix}" in entry:
                kind = f"long, {tier}" if tier else "long"
                yield Call(name, kind, entry, tier, parts=parts_of(entry, above, suffix))
        for region, factor in factors.items():
            parts = parts_of(entry, tier=suffix)
            yield Call(name, f"in {region}", entry, tier, region, factor, parts=parts)
    if fast := factors_of_entry(entry).get("fast"):
        yield Call(name, "fast", entry, factor=fast, is_fast=True, parts=parts_of(entry))
    if kinds := kinds_of(entry):
        yield Call(name, "audio and images", entry, parts=kinds)


def moment_of_calls() -> datetime:
    """Give a working day after the book's newest row, at an hour of DeepSeek's peak price."""
    with (SEEDS / "pricing" / "ai_list_prices.csv").open(encoding="utf-8", newline="") as file:
        newest = max(row["recorded_at"] for row in csv.DictReader(file))
    moment = datetime.fromisoformat(newest[:10]) + timedelta(days=1, hours=2, minutes=30)
    while moment.isoweekday() > 5:
        moment += timedelta(days=1)
    return moment


def build(calls: list[Call], folder: Path) -> duckdb.DuckDBPyConnection:
    """Build the calls' rows and open what was published."""
    file = folder / "raw" / "litellm" / "spend_logs.jsonl"
    file.parent.mkdir(parents=True)
    moment = moment_of_calls()
    rows = (json.dumps(call.row(number, moment)) for number, call in enumerate(calls))
    file.write_text("\n".join(rows), encoding="utf-8")
    home = folder / "home"
    command = [sys.executable, "-m", "exporter.cli", "build", "--home", str(home)]
    subprocess.run([*command, "--raw-dir", str(folder / "raw")], check=True, stdout=sys.stderr)
    return duckdb.connect(str(home / "ai_focus.duckdb"), read_only=True)


def read_reviewed() -> set[tuple[str, str, Decimal, Decimal]]:
    """Give model, meter, the book's price and the map's of each reviewed difference."""
    with REVIEWED.open(encoding="utf-8", newline="") as file:
        return {
            (
                f"{row['provider']}/{row['model']}",
                row["meter"],
                Decimal(row["book_price"]),
                Decimal(row["source_price"]),
            )
            for row in csv.DictReader(file)
            if row["source"] == "litellm"
        }


@dataclass
class Judge:
    """Tells whether a call costs what the map says, and why not."""

    # call -> meter -> (model of the book, cost, price per million)
    charges: dict[str, dict[str, tuple[str, Decimal, Decimal]]]
    held: dict[str, str]
    reviewed: set[tuple[str, str, Decimal, Decimal]]

    def verdict(self, number: int, call: Call) -> tuple[str, str]:
        """Give the verdict and the prices that differ."""
        ours = self.charges.get(str(number))
        if ours is None:
            return f"held: {self.held.get(str(number), 'and in no table')}", ""
        if sum((cost for _, cost, _ in ours.values()), Decimal(0)) == call.cost:
            return "equal", ""
        theirs = {meter: found * call.factor * MILLION for meter, (_, found) in call.parts.items()}
        unlike = [
            (meter, *ours.get(meter, ("", 0, Decimal(0)))[::2], theirs.get(meter, Decimal(0)))
            for meter in sorted(ours.keys() | theirs.keys())
            if ours.get(meter, ("", 0, Decimal(0)))[2] != theirs.get(meter, 0)
        ]
        said = "; ".join(
            f"{meter} of {model or 'nothing'}: {mine.normalize():f} here,"
            f" {listed.normalize():f} there"
            for meter, model, mine, listed in unlike
        )
        if unlike and all(self._is_reviewed(call, *one) for one in unlike):
            return "reviewed difference", said
        if any(
            (found * MILLION).normalize().as_tuple().exponent < -DECIMALS_OF_BOOK
            for _, found in call.parts.values()
        ):
            return "divided by the map", said
        return "DIFFERENT", said

    def _is_reviewed(
        self, call: Call, meter: str, model: str, mine: Decimal, theirs: Decimal
    ) -> bool:
        # reasoning borrows the price of output, and a review is of the price of short prompts
        meters = {meter, "output" if meter == "output_reasoning" else meter}
        return any(
            (of, price) == (model, mine)
            and of_meter in meters
            and (their_price == theirs or call.kind == "long")
            for of, of_meter, price, their_price in self.reviewed
        )


def judge_of(database: duckdb.DuckDBPyConnection) -> Judge:
    """Read what the calls cost, and why some have no price."""
    charges: dict[str, dict[str, tuple[str, Decimal, Decimal]]] = {}
    for call_id, sku, cost, price in database.execute(
        "select x_CallId, SkuId, ListCost, ListUnitPrice from focus_cost_and_usage_v1_4"
    ).fetchall():
        model, _, meter = sku.rpartition("/")
        charges.setdefault(call_id, {})[meter] = (model, cost, price)
    held = database.execute(
        "select call_id, min(call_hold_reason) from ai_unpriced_usage group by call_id"
    )
    return Judge(charges, dict(held.fetchall()), read_reviewed())


def main() -> int:
    """Print a line per kind of call."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=form)
    parser.add_argument("map", type=Path, help="LiteLLM's model_prices_and_context_window.json")
    parser.add_argument("--list", type=Path, help="write a CSV row per call that is not equal")
    arguments = parser.parse_args()
    text = arguments.map.read_text(encoding="utf-8")
    number = FLOAT.create_decimal
    listed = json.loads(text, parse_float=number, parse_int=number)
    calls = [
        call
        for name, entry in listed.items()
        if name != "sample_spec" and has_token_price(entry)
        for call in calls_of_name(name, entry)
    ]
    with tempfile.TemporaryDirectory() as folder, build(calls, Path(folder)) as database:
        judge = judge_of(database)
    verdicts = [judge.verdict(place, call) for place, call in enumerate(calls)]
    if arguments.list:
        with arguments.list.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["kind", "verdict", "provider", "name", "prices"])
            writer.writerows(
                [call.kind, verdict, call.entry["litellm_provider"], call.name, said]
                for call, (verdict, said) in zip(calls, verdicts, strict=True)
                if verdict != "equal"
            )
    counts: dict[str, Counter[str]] = {}
    for call, (verdict, _) in zip(calls, verdicts, strict=True):
        counts.setdefault(call.kind, Counter())[verdict] += 1
    shares = {}
    for kind, found in counts.items():
        held = sum(count for verdict, count in found.items() if verdict.startswith("held"))
        shares[kind] = 1 - Decimal(held) / found.total()
        said = ", ".join(f"{count} {verdict}" for verdict, count in found.most_common())
        print(f"{kind}: {found.total()} calls, {shares[kind]:.1%} priced: {said}")
    is_explained = not any(verdict == "DIFFERENT" for verdict, _ in verdicts)
    return 0 if is_explained and shares["plain"] >= LEAST_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())
