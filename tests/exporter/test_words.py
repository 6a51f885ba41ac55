"""What people read is said in words that docs/words.md explains, and in no jargon of the models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest
from conftest import ROOT

from exporter import errors
from exporter.build.report import describe, describe_incomplete
from exporter.build.totals import Totals
from exporter.cli import COMMANDS, cli
from exporter.extract.coverage import Compared, Coverage, Missing
from exporter.extract.manifest import describe_coverage, describe_gaps
from exporter.raw.plan import Fault
from exporter.words import HOLD_REASONS, count_text, reason_text

STATIC = ROOT / "exporter" / "api" / "static"
WORDS = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
# names of the models, which say nothing to whoever doesn't know them
JARGON = re.compile(
    r"quarantin|reject|uplift|held back|hold reason|unpriced|\bmeters?\b|effective_on|verified on"
)
# what the models give, and what a name or a file is called: of these the words are the names
NAMES = re.compile(r"`[^`]*`|\]\([^)]*\)|\b\w+(?:_\w+)+\b")
TOTALS = Totals(
    *(7030, 3065, 2990, 90, 80),
    compared=Compared(240, 1, 0, Decimal("8.5"), Decimal("8.45"), Decimal("0.05"), Decimal(0)),
    missing=Missing(calls=75, tokens=10, stated_cost=None, currency=None, unknown_calls=75),
    usage_until=datetime(2026, 10, 31, 23, 59),
    waiting=[(datetime(2026, 10, 1), "litellm")],
    quarantined=[(reason, 5) for reason in HOLD_REASONS],
    rejected=[("gateway", 2)],
    rejected_examples=[("gateway/a.csv", 4, "started_at 'yesterday' is no date and time")],
    repeated=[("superseded", 1200), ("conflicting", 1)],
    commitments=17,
    spend=[("OpenAI", "USD", Decimal("21.49"))],
    price_dates={
        "USD": {
            "effective": Decimal("0.006999999"),
            "verified_on": Decimal("0.086"),
            "unknown": Decimal("0.906"),
        }
    },
    price_list_day=date(2026, 11, 21),
)


def rows_of_page(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of docs/words.md."""
    section = WORDS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def entries() -> set[str]:
    headings = re.findall(r"^## (.+)$", WORDS, re.MULTILINE)
    return {row[0] for heading in headings for row in rows_of_page(heading)}


def given_reasons(manifest: dict) -> set[str]:
    """Every value of a hold_reason that a data test of a model allows."""
    allowed = {"other_meter_unpriced"}
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if test.get("name") == "accepted_values" and "hold_reason" in node["column_name"]:
            allowed |= set(test["kwargs"]["values"])
    return allowed


def test_every_reason_of_the_models_has_words_and_an_entry(demo_home: Path) -> None:
    manifest = json.loads((demo_home / "target" / "manifest.json").read_text(encoding="utf-8"))
    query = (ROOT / "models/marts/finops/ai_unpriced_usage.sql").read_text(encoding="utf-8")
    assert "'other_meter_unpriced'" in query
    assert given_reasons(manifest) == HOLD_REASONS.keys()
    explained = rows_of_page("Why a call is not priced yet")
    assert {name.strip("`"): word for word, name in explained} == HOLD_REASONS
    remedies = (ROOT / "docs/pricing.md").read_text(encoding="utf-8")
    assert [name for name in HOLD_REASONS if f"| `{name}` |" not in remedies] == []


def test_the_page_has_the_words_of_the_command() -> None:
    code = (STATIC / "tables.js").read_text(encoding="utf-8")
    block = code.split("const REASONS = {")[1].split("};")[0]
    assert dict(re.findall(r'(\w+): "([^"]+)"', block)) == HOLD_REASONS


def test_a_reason_without_words_can_be_read() -> None:
    assert reason_text("not_yet_known") == "not yet known"
    assert count_text(1, "line") == "1 line"
    assert count_text(2000, "line") == "2,000 lines"


def test_every_way_to_end_has_an_entry() -> None:
    kinds = [errors.FocusExportError]
    codes = {"0", "130", "143", "141"}
    while kinds:
        kind = kinds.pop()
        kinds += kind.__subclasses__()
        codes |= {str(kind.code)} if hasattr(kind, "code") else set()
    explained = rows_of_page("How a command ends")
    assert {code for _, cell, _ in explained for code in cell.split(", ")} == codes
    table = (ROOT / "docs/command.md").read_text(encoding="utf-8")
    assert {
        code
        for cell in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE)
        for code in cell.split(", ")
    } == codes


@pytest.mark.parametrize("word", ["computed cost", "not priced yet", "unreadable line", "priced"])
def test_a_title_of_the_summary_has_an_entry(word: str) -> None:
    titles = [line[:14].strip().lower() for line in describe(TOTALS)]
    assert any(title and word.startswith(title) for title in titles)
    assert word in entries()


class Texts(HTMLParser):
    """Collects what a page shows, and its terms."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        self.terms: list[str] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.shown += [str(value) for name, value in attrs if name in ("title", "aria-label")]

    def handle_data(self, data: str) -> None:
        self.shown.append(data)
        if self._tag == "dt":
            self.terms.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""


def page_texts() -> Texts:
    texts = Texts()
    texts.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    return texts


def test_every_word_that_the_page_explains_has_an_entry() -> None:
    terms = page_texts().terms
    assert len(terms) >= 5
    assert [term for term in terms if term.lower() not in entries()] == []


def sentences() -> Iterator[tuple[str, str]]:
    """Every text that people read, with its place."""
    aside = [Fault("gateway/a.csv", "gateway/a.csv is empty.", True)]
    lacks = describe_incomplete(TOTALS, aside) + describe_incomplete(
        replace(TOTALS, quarantined=[("unknown_model", 44)]), is_demo=True, verbose=True
    )
    yield from (("summary", line) for line in describe(TOTALS, aside, verbose=True) + lacks)
    coverage = describe_coverage(Coverage(9, 1, 90, 10, TOTALS.missing, TOTALS.quarantined))
    manifest = {"coverage": coverage, "rejected_rows": 1, "build": {"set_aside": [{}]}}
    yield "export", str(describe_gaps(manifest))
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        for one in (command, *getattr(command, "commands", {}).values()):
            yield f"{name} --help", one.get_help(click.Context(one))
    yield from (("index.html", text) for text in page_texts().shown)
    for script in STATIC.glob("*.js"):
        code = re.sub(r"//.*|/\*.*?\*/", "", script.read_text(encoding="utf-8"), flags=re.DOTALL)
        # what is put in between is code
        literals = re.findall(r'"([^"\n]*)"|`([^`]*)`', code)
        yield from ((script.name, re.sub(r"\$\{[^}]*\}", "", a or b)) for a, b in literals)
    for file in ("README.md", "docs/command.md"):
        text = re.sub(r"^```.*?^```", "", (ROOT / file).read_text("utf-8"), flags=re.DOTALL | re.M)
        yield from ((file, line) for line in text.splitlines())


def test_people_read_no_jargon() -> None:
    found = list(sentences())
    assert len({place for place, _ in found}) > 12
    assert [
        (place, text) for place, text in found if JARGON.search(NAMES.sub("", text).lower())
    ] == []


@pytest.mark.parametrize(
    "text", ["44 calls quarantined", "Rejected  2 records", "2 uplifts", "The call is held back."]
)
def test_jargon_would_be_seen(text: str) -> None:
    assert JARGON.search(NAMES.sub("", text).lower())
    assert not JARGON.search(NAMES.sub("", "see the table ai_unreadable_records, `uplift`"))


def test_records_that_differ_are_counted_by_what_became_of_them() -> None:
    said = [line for line in describe(TOTALS) if line.startswith("Delivered")]
    assert said == [
        "Delivered more than once: 1,201 records differ from the one that took their place "
        "(1,200 superseded, 1 conflicting); see the table ai_repeated_records."
    ]
    one = describe(replace(TOTALS, repeated=[("conflicting", 1)]))
    assert [line.split(" (")[0] for line in one if line.startswith("Delivered")] == [
        "Delivered more than once: 1 record differs from the one that took its place"
    ]
    assert "Delivered" not in " ".join(describe(replace(TOTALS, repeated=[])))


def test_what_is_missing_is_said_in_words() -> None:
    totals = replace(TOTALS, quarantined=[("unknown_model", 1)], rejected=[])
    assert describe_incomplete(totals) == [
        "Not in these totals: 1 call not priced yet, of unknown cost (model not in the "
        "price book: 1); see the table ai_unpriced_usage."
    ]
    assert describe_incomplete(TOTALS)[:2] == [
        "Not in these totals: 2 unreadable lines (gateway 2); see the table ai_unreadable_records.",
        "  gateway/a.csv, line 4: started_at 'yesterday' is no date and time",
    ]


def test_only_what_the_demo_lacks_on_purpose_is_called_so() -> None:
    whole = replace(TOTALS, quarantined=[("unknown_model", 30), ("capacity_paid", 14)])
    purpose = "The demo holds 44 calls without a price and 2 unreadable lines on purpose."
    assert describe_incomplete(whole, is_demo=True) == [f"{purpose} -v names them."]
    assert describe_incomplete(whole, is_demo=True, verbose=True)[0] == purpose
    assert len(describe_incomplete(whole, is_demo=True, verbose=True)) == 4
    # one more is not
    more = replace(whole, quarantined=[("unknown_model", 45)])
    assert describe_incomplete(more, is_demo=True) == describe_incomplete(more)
    assert "purpose" not in " ".join(describe_incomplete(whole))


def test_a_cost_that_differs_for_no_known_reason_is_incomplete() -> None:
    said = (
        "Not explained: 2 calls cost otherwise than the log says, for no known reason; "
        "see the table ai_cost_comparison."
    )
    compared = replace(TOTALS.compared, unexplained_calls=2)
    assert said in describe_incomplete(replace(TOTALS, compared=compared))
    assert "Not explained" not in " ".join(describe_incomplete(TOTALS))
    # nothing of it is on purpose
    demo = replace(
        TOTALS,
        quarantined=[("unknown_model", 30), ("capacity_paid", 14)],
        compared=replace(TOTALS.compared, unexplained_calls=1),
    )
    assert len(describe_incomplete(demo, is_demo=True)) > 1


def test_the_share_of_cost_that_has_a_department_is_said_per_currency() -> None:
    allocated = [
        ("EUR", Decimal(3), Decimal(3)),
        ("GBP", Decimal("999999.999999"), Decimal(10**6)),
        ("JPY", Decimal(0), Decimal(0)),
        ("USD", Decimal(5), Decimal(4)),
    ]
    lines = describe(replace(TOTALS, allocated=allocated))
    assert [line.split(maxsplit=1)[1] for line in lines if line.startswith("Allocated")] == [
        "100.0 %  of EUR cost has a department",
        "99.9 %  of GBP cost has a department",
        "-  of USD cost has a department",
    ]


def test_how_well_prices_are_known_is_said_where_it_is_asked() -> None:
    same = replace(TOTALS, compared=replace(TOTALS.compared, differing_calls=0))
    assert "Prices:" not in " ".join(describe(TOTALS))
    assert "Costs in the log" not in " ".join(describe(same))
    # a cost that differs is always said
    assert describe(TOTALS)[-1] == (
        # 239 and 1 of 240; 8.45 and 0.05 of 8.5
        "Costs in the log: of 240 calls with one 99.5 % have that list cost (99.4 % of the "
        "amount), 0.4 % (0.5 % of the amount) another for a known reason, 0.0 % (0.0 % of the "
        "amount) another for none; see the table ai_cost_comparison."
    )
    # one in a million is not nothing, and all but one not all
    compared = Compared(1_000_000, 2, 1, Decimal(9), Decimal(8), Decimal(10), Decimal(-9))
    assert describe(replace(TOTALS, compared=compared))[-1] == (
        "Costs in the log: of 1,000,000 calls with one 99.9 % have that list cost (88.8 % of the "
        "amount), < 0.1 % (- of the amount) another for a known reason, < 0.1 % (- of the "
        "amount) another for none; see the table ai_cost_comparison."
    )
    assert describe(same, verbose=True)[-2:] == [
        "Costs in the log: of 240 calls with one 100.0 % have that list cost.",
        "Prices: list of 2026-11-21; start date unpublished for 90.6 % of USD cost (today's price"
        " used for the past), checked on a day for 8.6 %, published for 0.6 %.",
    ]
