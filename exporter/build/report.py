"""What a build came to, in a few aligned lines; what is incomplete is said apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from exporter.build.closed_months import Comparison, Moved
from exporter.build.totals import Totals
from exporter.errors import IncompleteError
from exporter.extract.missing import describe_cost, describe_usage, money_text
from exporter.raw.plan import Fault
from exporter.words import count_text, cut_share, reason_text

# calls without a price and unreadable lines that scripts/generate_sample.py puts into the demo
_DEMO_LACKS = (44, 2)
# parts of closed months that are named
_ACCOUNTS_NAMED = 20
# fields that nothing reads that are named, those of most calls
_FIELDS_NAMED = 5
# months that are named as not complete, the latest
_MONTHS_NAMED = 3


def describe(
    totals: Totals,
    set_aside: Sequence[Fault] = (),
    finished_at: str | None = None,
    *,
    verbose: bool = False,
) -> list[str]:
    """Give the lines of the summary: first what is missing.

    `finished_at` is the build's, UTC text; `verbose` adds how well the prices are known.
    """
    unpriced, unreadable = _lacks(totals)
    rows = [
        ("Calls", f"{totals.calls:,}", "that a provider can charge for"),
        ("Not priced yet", f"{unpriced:,}", _describe_missing(totals, unpriced)),
        ("Unreadable", *count_text(unreadable, "line").split(" ", 1)),
        (
            "Priced",
            _share(totals.priced_calls, totals.calls),
            f"of calls, {_share(totals.priced_tokens, totals.tokens)} of tokens",
        ),
    ]
    for currency, allocated, cost in totals.allocated:
        if cost:
            share = _share(allocated, cost)
            rows.append(("Allocated", share, f"of {currency} cost has a department"))
    if totals.buckets:
        rows.append(("Usage reports", *count_text(totals.buckets, "sum").split(" ", 1)))
    if set_aside:
        rows.append(("Set aside", *count_text(len(set_aside), "raw file").split(" ", 1)))
    for title, (provider, currency, cost) in zip(
        ["Computed cost"] + [""] * len(totals.spend), totals.spend, strict=False
    ):
        rows.append((title, money_text(cost), f"{currency}  {provider}"))
    rows += [
        ("Rows", f"{totals.rows:,}", "Cost and Usage"),
        ("", f"{totals.commitments:,}", "Contract Commitment"),
    ]
    width = max(len(value) for _, value, _ in rows)
    lines = [f"{title:<14} {value:>{width}}  {unit}".rstrip() for title, value, unit in rows]
    recency = _describe_recency(totals, finished_at)
    lines += ["", *recency] if recency else []
    if totals.repeated:
        lines.append(_describe_repeated(totals))
    if totals.unread:
        lines.append(_describe_unread(totals))
    if totals.compared.differing_calls or (verbose and totals.compared.calls):
        lines.append(_describe_stated_costs(totals))
    return lines + (_describe_price_dates(totals) if verbose else [])


def _describe_missing(totals: Totals, unpriced: int) -> str:
    calls = "call" if unpriced == 1 else "calls"
    if not unpriced:
        return calls
    return f"{calls} ({totals.missing.tokens:,} tokens), {describe_cost(totals.missing)}"


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


def _describe_stated_costs(totals: Totals) -> str:
    compared = totals.compared
    equal = compared.calls - compared.differing_calls
    stated = count_text(compared.calls, "call")
    share = _share(equal, compared.calls)
    text = f"Costs in the log: of {stated} with one {share} have that list cost"
    if not compared.differing_calls:
        return f"{text}."
    explained = compared.differing_calls - compared.unexplained_calls
    parts = [
        (equal, compared.equal_cost, ""),
        (explained, compared.explained_cost, "another for a known reason"),
        (compared.unexplained_calls, compared.unexplained_cost, "another for none"),
    ]
    amounts = [_share_said(cost, compared.cost) for _, cost, _ in parts]
    others = ", ".join(
        f"{_share_said(calls, compared.calls)} ({amount} of the amount) {what}"
        for (calls, _, what), amount in zip(parts[1:], amounts[1:], strict=True)
    )
    return f"{text} ({amounts[0]} of the amount), {others}; see the table ai_cost_comparison."


def _describe_repeated(totals: Totals) -> str:
    """Count the records that differ from the one of the same id that took their place."""
    number = _total(totals.repeated)
    verb, whose = ("differs", "its") if number == 1 else ("differ", "their")
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in totals.repeated)
    return (
        f"Delivered more than once: {count_text(number, 'record')} {verb} from the one that took "
        f"{whose} place ({counts}); see the table ai_repeated_records."
    )


def _describe_unread(totals: Totals) -> str:
    """Name the fields whose numbers nothing reads."""
    named = [f"{it} ({count_text(calls, 'call')})" for it, calls in totals.unread[:_FIELDS_NAMED]]
    more = len(totals.unread) - len(named)
    others = f" and {more} more" if more else ""
    return (
        f"Numbers in the log that nothing here reads: {', '.join(named)}{others}; "
        "see the table ai_usage_findings."
    )


def _describe_price_dates(totals: Totals) -> list[str]:
    book = f"list of {totals.price_list_day}; " if totals.price_list_day else ""
    return [
        f"Prices: {book}start date unpublished for {_percent(shares, 'unknown')} of {currency} "
        f"cost (today's price used for the past), checked on a day for "
        f"{_percent(shares, 'verified_on')}, published for {_percent(shares, 'effective')}."
        for currency, shares in totals.price_dates.items()
    ]


def describe_incomplete(
    totals: Totals,
    set_aside: Sequence[Fault] = (),
    *,
    is_demo: bool = False,
    verbose: bool = False,
) -> list[str]:
    """Give a sentence for everything that the datasets lack; what the demo lacks is one line."""
    lines = _describe_lacks(totals, set_aside)
    others = totals.missing_buckets or totals.compared.unexplained_calls
    if not is_demo or _lacks(totals) != _DEMO_LACKS or others:
        return lines
    unpriced, unreadable = _DEMO_LACKS
    on_purpose = (
        f"The demo holds {count_text(unpriced, 'call')} without a price and "
        f"{count_text(unreadable, 'unreadable line')} on purpose."
    )
    return [on_purpose, *lines] if verbose else [f"{on_purpose} -v names them."]


def _describe_lacks(totals: Totals, set_aside: Sequence[Fault]) -> list[str]:
    unpriced, unreadable = _lacks(totals)
    lines = describe_set_aside(set_aside)
    if not totals.calls and not totals.buckets:
        lines.append("These totals are empty: there is no call that a provider can charge for.")
    if totals.rejected:
        by_source = ", ".join(f"{source} {count:,}" for source, count in totals.rejected)
        lines.append(
            f"Not in these totals: {count_text(unreadable, 'unreadable line')} ({by_source}); "
            "see the table ai_unreadable_records."
        )
        for file, line, reason in totals.rejected_examples:
            place = f"{file}, line {line}" if line is not None else file
            # a broken record may hold line breaks
            lines.append(f"  {place}: {' '.join(reason.split())}")
    if totals.missing_buckets:
        lines.append(
            f"Not in these totals: {count_text(totals.missing_buckets, 'sum')} of usage reports "
            "not priced yet; see the table ai_unpriced_usage."
        )
    if totals.compared.unexplained_calls:
        number = count_text(totals.compared.unexplained_calls, "call")
        lines.append(
            f"Not explained: {number} cost otherwise than the log says, for no known reason; "
            "see the table ai_cost_comparison."
        )
    if totals.quarantined:
        reasons = ", ".join(
            f"{reason_text(reason)}: {count:,}" for reason, count in totals.quarantined
        )
        lines.append(
            f"Not in these totals: {count_text(unpriced, 'call')} not priced yet, "
            f"{describe_cost(totals.missing)} ({reasons}); see the table ai_unpriced_usage."
        )
    return lines


def describe_moved(comparison: Comparison) -> list[str]:
    """Give a sentence for each account and closed month that differs from the published build."""
    moved = comparison.moved
    opened = [
        f"Opened again: the period {month} of {issuer} was closed in the build before, and is open "
        "in this one; a file of billing_periods may be missing."
        for month, issuer in comparison.opened
    ]
    lines = [_describe_account(it) for it in moved[:_ACCOUNTS_NAMED]]
    if len(moved) > len(lines):
        lines.append(f"and {len(moved) - len(lines):,} more accounts and closed months that moved.")
    if moved:
        lines.append(
            f"Each of these charges stands in {comparison.file}. Raw files may be missing, or rows "
            "came without ingested_at or recorded_at."
        )
    return opened + lines


def _describe_account(moved: Moved) -> str:
    changes = [
        f"{count_text(number, 'charge')} {what} {_exact(cost, moved.currency)}"
        for number, what, cost in (
            (moved.gone, "gone with", moved.gone_cost),
            (moved.added, "added with", moved.added_cost),
            (moved.changed, "changed by", moved.changed_cost),
        )
        if number
    ]
    return (
        f"Moved: the closed period {moved.month} of {moved.issuer}, account {moved.account}, has "
        f"{_exact(moved.now, moved.currency)}; in the build before it had "
        f"{_exact(moved.before, moved.currency)}: {', '.join(changes)}."
    )


def describe_set_aside(faults: Sequence[Fault]) -> list[str]:
    """Name each file that was left out, with the reason."""
    if not faults:
        return []
    return ["Not read, since --set-aside was given:", *(f"  {fault.reason}" for fault in faults)]


def check_set_aside(faults: Sequence[Fault]) -> None:
    """End with IncompleteError where files were left out, once everything else is done."""
    if faults:
        number = count_text(len(faults), "raw file")
        raise IncompleteError(f"Done without {number}, since --set-aside was given.")


def _lacks(totals: Totals) -> tuple[int, int]:
    """Count the calls without a price and the unreadable lines."""
    return _total(totals.quarantined), _total(totals.rejected)


def _total(counts: list[tuple[str, int]]) -> int:
    return sum(count for _, count in counts)


def _share(part: int | Decimal | None, whole: int | Decimal | None) -> str:
    # rounded down: 100.0 % is said only when nothing is missing
    share = cut_share(part, whole, 3)
    return "-" if share is None else _tenths(int(share * 1000))


def _share_said(part: int | Decimal | None, whole: int | Decimal | None) -> str:
    """Write a share of what one would rather see at nothing: what is there is never 0.0 %."""
    share = _share(part, whole)
    return "< 0.1 %" if part and share == "0.0 %" else share


def _percent(shares: Mapping[str, Decimal], basis: str) -> str:
    return _tenths(int(shares.get(basis, 0) * 1000))


def _tenths(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10} %"


def _exact(cost: Decimal | None, currency: str | None) -> str:
    return f"no charge in {currency}" if cost is None else f"{cost.normalize():f} {currency}"
