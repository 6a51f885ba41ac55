"""What a build came to, in a few aligned lines; what is incomplete is said apart."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from exporter.build.totals import Totals
from exporter.errors import IncompleteError
from exporter.raw.plan import Fault
from exporter.words import count_text, reason_text

_SMALLEST_SHOWN = Decimal("0.01")
# calls without a price and unreadable lines that scripts/generate_sample.py puts into the demo
_DEMO_LACKS = (44, 2)


def describe(
    totals: Totals, set_aside: Sequence[Fault] = (), *, verbose: bool = False
) -> list[str]:
    """Give the lines of the summary; `verbose` adds how well the prices are known."""
    unpriced, unreadable = _lacks(totals)
    rows = [
        ("Calls", f"{totals.calls:,}", "that a provider can charge for"),
        (
            "Priced",
            _share(totals.priced_calls, totals.calls),
            f"of calls, {_share(totals.priced_tokens, totals.tokens)} of tokens",
        ),
        ("Not priced yet", *count_text(unpriced, "call").split(" ", 1)),
        ("Unreadable", *count_text(unreadable, "line").split(" ", 1)),
    ]
    if set_aside:
        rows.append(("Set aside", *count_text(len(set_aside), "raw file").split(" ", 1)))
    for title, (provider, currency, cost) in zip(
        ["Computed cost"] + [""] * len(totals.spend), totals.spend, strict=False
    ):
        rows.append((title, _money(cost), f"{currency}  {provider}"))
    rows += [
        ("Rows", f"{totals.rows:,}", "Cost and Usage"),
        ("", f"{totals.commitments:,}", "Contract Commitment"),
    ]
    width = max(len(value) for _, value, _ in rows)
    lines = [f"{title:<14} {value:>{width}}  {unit}".rstrip() for title, value, unit in rows]
    if totals.differing_calls or (verbose and totals.compared_calls):
        lines.append(_describe_stated_costs(totals))
    return lines + (_describe_price_dates(totals) if verbose else [])


def _describe_stated_costs(totals: Totals) -> str:
    agreeing = _share(totals.compared_calls - totals.differing_calls, totals.compared_calls)
    stated = count_text(totals.compared_calls, "call")
    text = f"Costs in the log: of {stated} with one {agreeing} have that list cost"
    return f"{text}; the others are in price_findings." if totals.differing_calls else f"{text}."


def _describe_price_dates(totals: Totals) -> list[str]:
    book = f"list of {totals.price_list_day}; " if totals.price_list_day else ""
    return [
        f"Prices: {book}start date unpublished for {_tenths(unknown)} of {currency} cost "
        f"(today's price used for the past), checked on a day for {_tenths(verified_on)}, "
        f"published for {_tenths(effective)}."
        for currency, effective, verified_on, unknown in totals.price_dates
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
    if not is_demo or _lacks(totals) != _DEMO_LACKS:
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
    if not totals.calls:
        lines.append("These totals are empty: there is no call that a provider can charge for.")
    if totals.rejected:
        by_source = ", ".join(f"{source} {count:,}" for source, count in totals.rejected)
        lines.append(
            f"Not in these totals: {count_text(unreadable, 'unreadable line')} ({by_source}); "
            "see the table rejected_rows."
        )
        for file, line, reason in totals.rejected_examples:
            place = f"{file}, line {line}" if line is not None else file
            # a broken record may hold line breaks
            lines.append(f"  {place}: {' '.join(reason.split())}")
    if totals.quarantined:
        reasons = ", ".join(
            f"{reason_text(reason)}: {count:,}" for reason, count in totals.quarantined
        )
        lines.append(
            f"Not in these totals: {count_text(unpriced, 'call')} not priced yet ({reasons}); "
            "see the table quarantined_usage."
        )
    return lines


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


def _share(part: int, whole: int) -> str:
    if not whole:
        return "-"
    # rounded down: 100.0 % is said only when nothing is missing
    return _tenths(part * 1000 // whole)


def _tenths(tenths: int) -> str:
    return f"{tenths // 10}.{tenths % 10} %"


def _money(cost: Decimal) -> str:
    if 0 < cost < _SMALLEST_SHOWN:
        return "< 0.01"
    return f"{cost:,.2f}"
