"""What a build came to, in a few aligned lines; what is incomplete is said apart."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.build.totals import Totals
from exporter.errors import IncompleteError
from exporter.extract.missing import describe_cost, describe_usage, money_text
from exporter.raw.plan import Fault

# months that are named as not complete, the latest
_MONTHS_NAMED = 3


def describe(
    totals: Totals, set_aside: Sequence[Fault] = (), finished_at: str | None = None
) -> list[str]:
    """Give the lines of the summary; `finished_at` is the build's, UTC text."""
    rows = [
        ("Rows", f"{totals.rows:,}", "Cost and Usage"),
        ("", f"{totals.commitments:,}", "Contract Commitment"),
        ("Calls", f"{totals.calls:,}", ""),
        ("Not in total", f"{totals.missing.calls:,}", _describe_missing(totals)),
        ("Coverage", _share(totals.priced_calls, totals.calls), "of calls priced"),
        ("", _share(totals.priced_tokens, totals.tokens), "of tokens priced"),
        ("Rejected", f"{_total(totals.rejected):,}", "records"),
    ]
    if set_aside:
        rows.append(("Set aside", f"{len(set_aside):,}", "raw files"))
    if totals.compared_calls:
        agreeing = _share(totals.compared_calls - totals.differing_calls, totals.compared_calls)
        rows.append(("Source costs", agreeing, "equal the list cost; the others: price_findings"))
    for currency, effective, verified_on, unknown in totals.price_dates:
        dates = f"{_tenths(verified_on)} verified_on, {_tenths(unknown)} unknown"
        rows.append(("Price dates", _tenths(effective), f"of {currency} cost effective, {dates}"))
    for title, (provider, currency, cost) in zip(
        ["Spend"] + [""] * len(totals.spend), totals.spend, strict=False
    ):
        rows.append((title, money_text(cost), f"{currency}  {provider}"))
    width = max(len(value) for _, value, _ in rows)
    lines = [f"{title:<12} {value:>{width}}  {unit}".rstrip() for title, value, unit in rows]
    recency = _describe_recency(totals, finished_at)
    return [*lines, "", *recency] if recency else lines


def _describe_missing(totals: Totals) -> str:
    missing = totals.missing
    if not missing.calls:
        return "calls not priced yet"
    return f"calls not priced yet ({missing.tokens:,} tokens), {describe_cost(missing)}"


def _describe_recency(totals: Totals, finished_at: str | None) -> list[str]:
    """Say until when there is usage, and which months wait for what."""
    usage = describe_usage(totals.usage_until, finished_at)
    lines = [] if usage is None else [usage]
    if totals.waiting:
        named = [f"{month:%Y-%m} waits for {it}" for month, it in totals.waiting[-_MONTHS_NAMED:]]
        more = len(totals.waiting) - len(named)
        others = f"{more} earlier, " if more else ""
        lines.append(f"Not complete yet: {others}{', '.join(named)}.")
    return lines


def describe_incomplete(totals: Totals, set_aside: Sequence[Fault] = ()) -> list[str]:
    """Give a sentence for everything that the datasets lack."""
    lines = describe_set_aside(set_aside)
    if not totals.calls:
        lines.append("Incomplete: there is no call that a provider can charge for.")
    if totals.rejected:
        by_source = ", ".join(f"{source} {count:,}" for source, count in totals.rejected)
        lines.append(f"Incomplete: records were rejected ({by_source}); see rejected_rows.")
        for file, line, reason in totals.rejected_examples:
            place = f"{file}, line {line}" if line is not None else file
            # a broken record may hold line breaks
            lines.append(f"  {place}: {' '.join(reason.split())}")
    if totals.quarantined:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in totals.quarantined)
        lines.append(f"Incomplete: calls are not priced ({reasons}); see quarantined_usage.")
    return lines


def describe_set_aside(faults: Sequence[Fault]) -> list[str]:
    """Name each file that was left out, with the reason."""
    if not faults:
        return []
    return ["Incomplete: raw files were set aside.", *(f"  {fault.reason}" for fault in faults)]


def check_set_aside(faults: Sequence[Fault]) -> None:
    """End with IncompleteError where files were left out, once everything else is done."""
    if faults:
        number = f"{len(faults):,} raw file{'s' if len(faults) > 1 else ''}"
        raise IncompleteError(f"Done without {number}, since --set-aside was given.")


def _total(counts: list[tuple[str, int]]) -> int:
    return sum(count for _, count in counts)


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    # rounded down: 100.0 % is said only when nothing is missing
    return _tenths(part * 1000 // whole)


def _tenths(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10} %"
