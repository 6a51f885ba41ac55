"""`focus-export prices`: rows are proposed, appended and compared, and never altered."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, time, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, assert_one_sentence, environment, focus_export, rows_of

from exporter.commands.prices import command

pytest.importorskip("genai_prices")

from genai_prices import types
from pipeline import Pipeline
from priced_calls import PRICED_MODELS

from exporter.prices.book import BOOK, load_book
from exporter.prices.genai import read_timelines
from exporter.prices.litellm import read_litellm
from exporter.prices.propose import find_changes, open_key
from exporter.prices.timeline import (
    EFFECTIVE,
    UNKNOWN,
    VERIFIED_ON,
    Key,
    Segment,
    Timeline,
    fits,
    segment_at,
)

LITELLM = ROOT / "tests" / "data" / "litellm_prices.json"
# a day after the newest row of the book
DAY = "2027-06-01"
Row = dict[str, str]
Edit = Callable[[Row], Row | None]


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    """A project's own seeds, to be appended to."""
    for name in ("pricing", "reference"):
        shutil.copytree(ROOT / "seeds" / name, tmp_path / "seeds" / name)
    return tmp_path / "seeds"


def book_of(seeds: Path) -> Path:
    return seeds / "pricing" / "ai_list_prices.csv"


def read(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def edit(path: Path, change: Edit) -> None:
    """Rewrite a CSV file row by row; None takes a row out."""
    rows = read(path)
    kept = [row for row in map(change, rows) if row is not None]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def is_row(row: Row, **cells: str) -> bool:
    return all(row[name] == value for name, value in cells.items())


GPT5_INPUT = {
    **{"provider": "openai", "model": "gpt-5", "meter": "input"},
    **{"service_tier": "standard", "processing_mode": "realtime"},
}


def with_price(price: str, **cells: str) -> Edit:
    return lambda row: {**row, "unit_price": price} if is_row(row, **cells) else row


def without(**cells: str) -> Edit:
    return lambda row: None if is_row(row, **cells) else row


def prices(name: str, seeds: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    day = [] if "--as-of" in arguments else ["--as-of", DAY]
    return focus_export("prices", name, "--book", book_of(seeds), *day, *arguments)


def test_every_subcommand_has_help_and_stands_in_the_page() -> None:
    page = (ROOT / "docs" / "price_book.md").read_text(encoding="utf-8")
    for name in command.commands:
        result = focus_export("prices", name, "--help")
        assert result.returncode == 0
        assert result.stdout.startswith(f"Usage: focus-export prices {name}")
        assert f"focus-export prices {name}" in page


def test_every_prices_command_of_the_pages_parses() -> None:
    from test_readme import LINES

    lines = [line for _, line in LINES if line.startswith("focus-export prices ")]
    assert lines
    import click

    for line in lines:
        # where a shell puts the output is no argument
        name, *arguments = shlex.split(line.partition(" > ")[0])[2:]
        assert name in command.commands, line
        command.commands[name].make_context(name, arguments, parent=click.Context(command))


def test_prices_without_a_subcommand_says_so() -> None:
    assert_one_sentence(focus_export("prices"), 2, "Missing command")


def test_help_of_prices_imports_no_price_list() -> None:
    code = (
        "import sys\nfrom exporter.cli import main\n"
        "try:\n    main(['prices', 'update', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'genai_prices', 'pydantic', 'duckdb', 'yaml'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        check=True,
    )
    assert result.stdout.splitlines()[-1] == "[]"


# update ---------------------------------------------------------------------------------------


def test_a_current_book_gets_no_row(seeds: Path) -> None:
    before = book_of(seeds).read_bytes()
    result = prices("update", seeds, "--write")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "The price book has all prices of the models looked at.\n"
    assert "models of azure come from LiteLLM's price file" in result.stderr
    assert book_of(seeds).read_bytes() == before


def test_a_changed_price_is_a_new_row_from_the_day_of_the_update(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    before = book_of(seeds).read_bytes()
    shown = prices("update", seeds)
    line = f"+ openai gpt-5 input: 1.3 -> 1.25 USD from {DAY} (verified_on)"
    assert line in shown.stdout.splitlines()
    assert "1 new rows, 1 of them change a price; 0 new models." in shown.stdout
    assert "Nothing is written" in shown.stdout
    assert book_of(seeds).read_bytes() == before

    written = prices("update", seeds, "--write")
    assert "They are appended." in written.stdout
    assert book_of(seeds).read_bytes().startswith(before)
    (new,) = read(book_of(seeds))[before.count(b"\n") - 1 :]
    source = next(row for row in read(book_of(seeds)) if is_row(row, **GPT5_INPUT))
    assert new == {
        **source,
        "price_id": f"openai/gpt-5/input/standard/realtime/gt0/from-{DAY}",
        "unit_price": "1.25",
        "valid_from": DAY,
        "valid_from_basis": "verified_on",
        "recorded_at": DAY,
    }
    assert prices("update", seeds).stdout.startswith("The price book has all prices")


def test_without_a_day_a_row_is_recorded_at_the_instant_of_the_update(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    start = datetime.now(timezone.utc).replace(microsecond=0, tzinfo=None)
    if start < load_book(book_of(seeds)).newest_record:
        pytest.skip("the clock lies before the newest row of the book")
    result = focus_export("prices", "update", "--book", book_of(seeds), "--write")
    assert result.returncode == 0, result.stderr
    new = load_book(book_of(seeds)).rows[-1]
    assert new.valid_from is not None
    assert new.valid_from.time() == time.min
    assert start <= new.recorded_at <= datetime.now(timezone.utc).replace(tzinfo=None)


def test_an_announced_price_holds_from_the_date_that_its_list_names(seeds: Path) -> None:
    argon = {
        **{"provider": "google", "model": "gemini-4-argon", "meter": "input"},
        **{"processing_mode": "realtime"},
    }

    def forget(row: Row) -> Row | None:
        if not is_row(row, **argon):
            return row
        return None if row["valid_from"] == "2026-12-01" else {**row, "valid_to": ""}

    edit(book_of(seeds), forget)
    result = prices("update", seeds, "--as-of", "2026-11-28", "--write")
    assert (
        "+ google gemini-4-argon input: 2 -> 4 USD from 2026-12-01 (effective)"
        in result.stdout.splitlines()
    )
    (new,) = [row for row in read(book_of(seeds)) if is_row(row, **argon, unit_price="4")]
    assert (new["valid_from"], new["recorded_at"]) == ("2026-12-01", "2026-11-28")


def test_a_wrong_dated_price_is_corrected_by_a_later_row_of_the_same_date(seeds: Path) -> None:
    wrong = {
        **{"provider": "google", "model": "gemini-4-argon", "meter": "input"},
        **{"processing_mode": "realtime", "valid_from": "2026-12-01"},
    }
    edit(book_of(seeds), with_price("5", **wrong))
    before = book_of(seeds).read_bytes()
    result = prices("update", seeds, "--write")
    old_id = "google/gemini-4-argon/input/standard/realtime/gt0/from-2026-12-01"
    assert f"5 -> 4 USD from 2026-12-01 (effective), corrects {old_id}" in result.stdout
    assert book_of(seeds).read_bytes().startswith(before)
    old, new = [row for row in read(book_of(seeds)) if is_row(row, **wrong)]
    assert (old["unit_price"], new["unit_price"]) == ("5", "4")
    assert new["price_id"] == f"{old_id}/recorded-{DAY}"
    assert prices("update", seeds).stdout.startswith("The price book has all prices")


def test_a_price_is_not_corrected_twice_on_one_day(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    prices("update", seeds, "--write")
    edit(book_of(seeds), with_price("1.4", **GPT5_INPUT, recorded_at=DAY))
    assert prices("update", seeds, "--write").returncode == 0
    edit(book_of(seeds), with_price("1.5", **GPT5_INPUT, recorded_at=DAY))
    before = book_of(seeds).read_bytes()
    result = prices("update", seeds, "--write")
    assert_one_sentence(result, 2, f"from-{DAY}/recorded-{DAY}", "twice at one instant")
    assert book_of(seeds).read_bytes() == before


def test_a_new_model_comes_with_its_row_in_the_catalogue(seeds: Path) -> None:
    for path in (book_of(seeds), seeds / "reference" / "ai_models.csv"):
        edit(path, without(provider="openai", model="gpt-5"))
    assert prices("update", seeds).stdout.startswith("The price book has all prices")
    before = {path: path.read_bytes() for path in sorted(seeds.rglob("*.csv"))}
    result = prices("update", seeds, "--models", "openai/gpt-5", "--write")
    assert "+ openai gpt-5: OpenAI, GPT-5" in result.stdout
    assert f"+ openai gpt-5 input: 1.25 USD from {DAY} (verified_on)" in result.stdout
    for path, content in before.items():
        grows = path.name in ("ai_list_prices.csv", "ai_models.csv")
        assert path.read_bytes().startswith(content)
        assert (path.read_bytes() != content) == grows
    assert read(seeds / "reference" / "ai_models.csv")[-1] == {
        **{"provider": "openai", "model": "gpt-5", "model_developer": "OpenAI"},
        **{"model_family": "GPT-5", "model_version": ""},
    }
    new = [row for row in read(book_of(seeds)) if row["model"] == "gpt-5"]
    assert {row["recorded_at"] for row in new if row["provider"] == "openai"} == {DAY}
    shipped = {
        tuple(row[name] for name in (*GPT5_INPUT, "context_threshold", "unit_price"))
        for row in read(ROOT / "seeds" / "pricing" / "ai_list_prices.csv")
        if is_row(row, provider="openai", model="gpt-5")
    }
    assert shipped == {
        tuple(row[name] for name in (*GPT5_INPUT, "context_threshold", "unit_price"))
        for row in new
        if row["provider"] == "openai"
    }


def test_a_model_whose_rows_name_no_scope_gets_a_new_meter_without_one(seeds: Path) -> None:
    edit(
        book_of(seeds),
        lambda row: {**row, "region_scope": ""} if row["model"] == "gpt-5" else row,
    )
    edit(book_of(seeds), without(**GPT5_INPUT))
    result = prices("update", seeds, "--write")
    assert result.returncode == 0, result.stderr
    new = read(book_of(seeds))[-1]
    assert is_row(new, **GPT5_INPUT, region_scope="", unit_price="1.25")


def test_nothing_is_appended_where_a_row_would_be_refused(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    first = ("update", seeds, "--write")
    prices(*first)
    edit(book_of(seeds), with_price("1.4", **GPT5_INPUT, recorded_at=DAY))
    prices(*first)
    edit(book_of(seeds), with_price("1.5", **GPT5_INPUT, recorded_at=DAY))
    edit(seeds / "reference" / "ai_models.csv", without(provider="openai", model="gpt-4.1"))
    edit(book_of(seeds), without(provider="openai", model="gpt-4.1"))
    before = {path: path.read_bytes() for path in sorted(seeds.rglob("*.csv"))}
    result = prices("update", seeds, "--models", "openai/gpt-4.1", "--write")
    assert_one_sentence(result, 2, "twice at one instant")
    assert {path: path.read_bytes() for path in sorted(seeds.rglob("*.csv"))} == before


def test_litellm_keeps_azure_current_and_nothing_that_genai_prices_has(seeds: Path) -> None:
    result = prices("update", seeds, "--litellm", LITELLM, "--write")
    # Mistral's price differs too, but its models follow genai-prices
    assert result.stdout.splitlines() == [
        f"--- {book_of(seeds)}",
        f"+ azure gpt-5 output: 10 -> 9 USD from {DAY} (verified_on)",
        "1 new rows, 1 of them change a price; 0 new models. They are appended.",
    ]
    new = read(book_of(seeds))[-1]
    assert new["source"].startswith("litellm litellm_prices.json sha256:")
    assert new["source_ref"] == "key=azure/gpt-5; upstream=https://example.com/azure-prices"
    assert "litellm no longer has azure gpt-4.1." in result.stderr


def test_a_band_of_a_tier_is_taken_from_the_other_list_where_the_own_one_has_it_elsewhere(
    seeds: Path, tmp_path: Path
) -> None:
    """genai-prices has a price beyond 272,000 tokens of the standard tier alone."""
    edit(
        book_of(seeds),
        without(model="gpt-5.5-pro", processing_mode="batch", context_threshold="272000"),
    )
    listed = tmp_path / "map.json"
    entry = {
        "litellm_provider": "openai",
        "input_cost_per_token": 3e-05,
        "output_cost_per_token": 0.00018,
        "input_cost_per_token_batches": 1.5e-05,
        "input_cost_per_token_above_272k_tokens_batches": 3e-05,
        # no tier of the own list has this one
        "input_cost_per_token_above_128k_tokens_batches": 2e-05,
    }
    listed.write_text(json.dumps({"gpt-5.5-pro": entry}), encoding="utf-8")
    result = prices("update", seeds, "--litellm", listed)
    assert [line for line in result.stdout.splitlines() if line.startswith("+")] == [
        f"+ openai gpt-5.5-pro input batch context > 272000: 30 USD from {DAY} (verified_on)"
    ]


def test_a_price_that_its_list_ends_is_ended(seeds: Path) -> None:
    """From 2026-11-03 on genai-prices has no price of cached tokens of this model."""
    cells = {"provider": "openrouter", "model": "openai/gpt-oss-120b", "meter": "cache_read"}
    edit(book_of(seeds), lambda row: {**row, "valid_to": ""} if is_row(row, **cells) else row)
    result = prices("update", seeds, "--write")
    price_id = "openrouter/openai/gpt-oss-120b/cache_read/standard/realtime/gt0/from-2026-10-19"
    assert result.stdout.splitlines()[1] == (
        "+ openrouter openai/gpt-oss-120b cache_read: 0.075 USD ends on 2026-11-03 (effective),"
        f" corrects {price_id}"
    )
    new = read(book_of(seeds))[-1]
    assert is_row(new, **cells, unit_price="0.075", valid_from="2026-10-19", valid_to="2026-11-03")
    assert "has all prices" in prices("update", seeds).stdout


def test_a_new_model_without_a_known_maker_is_left_out(seeds: Path) -> None:
    result = prices("update", seeds, "--litellm", LITELLM, "--models", "*nvented*", "--write")
    assert result.returncode == 0, result.stderr
    assert "azure invented-1" in result.stderr
    assert "whose makers have to be added" in result.stderr
    assert read(seeds / "reference" / "ai_models.csv")[-1]["model"] == "gpt-invented"
    found = {
        row["meter"]: row["unit_price"]
        for row in read(book_of(seeds))
        if row["model"] == "gpt-invented"
    }
    assert found == {"input": "0.0025", "output": "0"}


def test_every_unit_of_litellm_is_moved_to_the_pricing_block() -> None:
    book = load_book(None)
    model = read_litellm(book, LITELLM).load("azure", "invented-1")
    assert model is not None
    assert {key.describe(): only(line) for key, line in model.timelines.items()} == {
        "azure invented-1 input": Decimal(1),
        "azure invented-1 input context > 200000": Decimal(2),
        "azure invented-1 input batch context > 200000": Decimal(1),
        "azure invented-1 cache_write_1h": Decimal(2),
        "azure invented-1 cache_write_12h": Decimal(1),
        "azure invented-1 input_annotated_page": Decimal(3),
        "azure invented-1 web_search_low": Decimal(10),
        "azure invented-1 web_search_medium": Decimal(20),
        "azure invented-1 web_search_high": Decimal(30),
    }


def test_the_thresholds_of_xai_include_the_threshold_itself() -> None:
    model = read_litellm(load_book(None), LITELLM).load("x-ai", "grok-4.3")
    assert model is not None
    assert [key.describe() for key in sorted(model.timelines)] == [
        "x-ai grok-4.3 input",
        "x-ai grok-4.3 input context >= 200000",
    ]


def test_the_peak_prices_of_litellm_hold_outside_its_off_peak_hours() -> None:
    model = read_litellm(load_book(None), LITELLM).load("deepseek", "deepseek-v4-pro")
    assert model is not None
    found = {key.describe(): only(line) for key, line in model.timelines.items()}
    assert {name: price for name, price in found.items() if " input" in name} == {
        "deepseek deepseek-v4-pro input": Decimal("0.66"),
        "deepseek deepseek-v4-pro input 01:00-04:00 UTC weekdays 12345": Decimal("1.32"),
        "deepseek deepseek-v4-pro input 06:00-10:00 UTC weekdays 12345": Decimal("1.32"),
    }


def only(timeline: Timeline) -> Decimal | None:
    (segment,) = timeline
    return segment.price


def test_a_pattern_that_fits_nothing_is_named(seeds: Path) -> None:
    result = prices("update", seeds, "--models", "openai/gtp-*")
    assert_one_sentence(result, 2, "--models 'openai/gtp-*'")


def test_an_update_dated_before_the_newest_row_is_refused(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    prices("update", seeds, "--write")
    result = prices("update", seeds, "--as-of", "2027-05-31")
    assert_one_sentence(result, 2, "dated 2027-05-31", DAY, str(book_of(seeds)), "--as-of")


def test_a_reviewed_difference_is_left_as_it_is(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    review(seeds, "openai,gpt-5,input,standard,realtime,0,genai-prices,1.3,1.25,agreed by mail")
    result = prices("update", seeds)
    assert result.stdout.startswith("The price book has all prices")
    assert "openai gpt-5: 1 reviewed differences stay as they are." in result.stderr


def review(seeds: Path, line: str) -> None:
    with (seeds / "pricing" / "ai_reviewed_differences.csv").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")


def test_a_file_without_a_last_line_end_keeps_its_last_row(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    book_of(seeds).write_bytes(book_of(seeds).read_bytes().rstrip(b"\n"))
    before = book_of(seeds).read_bytes()
    count = len(read(book_of(seeds)))
    assert prices("update", seeds, "--write").returncode == 0
    assert book_of(seeds).read_bytes().startswith(before + b"\n")
    assert len(read(book_of(seeds))) == count + 1


INVENTED = ("--litellm", LITELLM, "--models", "azure/gpt-invented", "--as-of", DAY)


def test_rows_go_to_the_raw_folder_and_count_in_the_next_build(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    own = raw / "price_book" / "updates.csv"
    shipped = (ROOT / BOOK).read_bytes()
    shown = focus_export("prices", "update", *INVENTED, "--raw-dir", raw)
    assert f"--- {own}" in shown.stdout
    assert not own.exists()
    written = focus_export("prices", "update", *INVENTED, "--raw-dir", raw, "--write")
    assert written.returncode == 0, written.stderr
    assert "They are appended." in written.stdout
    rows = read(own)
    assert rows
    assert {row["model"] for row in rows} == {"gpt-5", "gpt-invented"}
    assert (ROOT / BOOK).read_bytes() == shipped
    # the home's settings name the folder; what was appended is known
    (tmp_path / "ai_focus.yml").write_text("raw_dir: raw\n", encoding="utf-8")
    before = own.read_bytes()
    again = focus_export("prices", "update", *INVENTED, "--write", "--home", tmp_path)
    assert "The price book has all prices" in again.stdout, again.stderr
    assert own.read_bytes() == before

    calls = raw / "gateway" / "calls.csv"
    calls.parent.mkdir()
    calls.write_text(
        "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens\n"
        "1,azure,gpt-invented,2026-09-01T10:00:00Z,900,1000000,0\n",
        encoding="utf-8",
    )
    pipeline = Pipeline(raw, tmp_path / "build", select=PRICED_MODELS)
    (cost,) = pipeline.connection.execute(
        "select BilledCost from focus_cost_and_usage_v1_4"
    ).fetchall()
    faults = pipeline.connection.execute("select * from ai_unreadable_records").fetchall()
    pipeline.close()
    # a million tokens
    assert cost == (Decimal("0.0025"),)
    assert not faults


def test_rows_are_not_written_where_nobody_says_where_to(tmp_path: Path) -> None:
    result = focus_export("prices", "update", "--write", "--home", tmp_path)
    assert_one_sentence(result, 2, "--raw-dir", "--book")


def test_an_installed_package_is_never_written_to(seeds: Path) -> None:
    installed = seeds.parent / "site-packages" / "seeds"
    shutil.copytree(seeds, installed)
    edit(book_of(installed), with_price("1.3", **GPT5_INPUT))
    before = book_of(installed).read_bytes()
    assert prices("update", installed).returncode == 0
    result = prices("update", installed, "--write")
    assert_one_sentence(result, 2, str(book_of(installed)), "installed package", "--book")
    assert book_of(installed).read_bytes() == before


def test_a_book_that_may_not_be_written_is_named(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    code = (
        "import pathlib, sys\n"
        "opened = pathlib.Path.open\n"
        "def refuse(path, mode='r', *a, **k):\n"
        "    if '+' in mode: raise PermissionError(13, 'Permission denied')\n"
        "    return opened(path, mode, *a, **k)\n"
        "pathlib.Path.open = refuse\n"
        "from exporter.cli import main\n"
        "main(sys.argv[1:])"
    )
    arguments = ["prices", "update", "--as-of", DAY, "--write", "--book", str(book_of(seeds))]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert_one_sentence(result, 5, str(book_of(seeds)), "Permission denied")


# wrong input ----------------------------------------------------------------------------------


def price_list(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is no JSON"),
        ("[1, 2]", "maps no model names"),
        ('{"gpt-5": 1}', "maps no model names"),
    ],
)
def test_a_file_that_is_no_price_list_is_named(
    seeds: Path, tmp_path: Path, content: str, words: str
) -> None:
    path = price_list(tmp_path, content)
    for name in ("update", "check"):
        assert_one_sentence(prices(name, seeds, "--litellm", path), 2, str(path), words)


def test_a_file_that_is_not_there_is_named(seeds: Path, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.json"
    assert_one_sentence(prices("check", seeds, "--litellm", missing), 2, str(missing))
    assert_one_sentence(prices("check", seeds, "--litellm", tmp_path), 2, str(tmp_path))
    assert_one_sentence(prices("check", seeds, "--reviewed", missing), 2, str(missing))
    assert_one_sentence(focus_export("prices", "check", "--book", missing), 2, str(missing))


@pytest.mark.parametrize(
    ("price", "words"),
    [
        # 1.2345678901234 per million
        ("0.0000012345678901234", "does not fit 12 decimals"),
        ("1e3", "does not fit 12 decimals"),
        ("-0.000001", "is no price of zero or more"),
        ("NaN", "is no number"),
        ('"0.1"', "is no number"),
        ("true", "is no number"),
    ],
)
def test_a_price_that_the_book_cannot_hold_is_refused(
    seeds: Path, tmp_path: Path, price: str, words: str
) -> None:
    entry = f'{{"litellm_provider": "azure", "input_cost_per_token": {price}}}'
    path = price_list(tmp_path, f'{{"azure/gpt-5": {entry}}}')
    before = book_of(seeds).read_bytes()
    result = prices("update", seeds, "--litellm", path, "--write")
    assert_one_sentence(result, 2, f"{path}, azure/gpt-5: input_cost_per_token", words)
    assert book_of(seeds).read_bytes() == before


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("unit_price", "1,25", "is no number"),
        ("unit_price", "-1", "is no number of zero or more"),
        ("unit_price", "0.1234567890123", "has more than 12 decimals"),
        ("meter", "inputs", "is none of ai_meters.csv"),
        ("currency", "EUR", "is not USD"),
        ("pricing_block", "1000", "is not 1000000"),
        ("context_inclusive", "yes", "is neither true nor false"),
        ("context_threshold", "many", "is no number"),
        ("valid_from", "soon", "is no date"),
        ("valid_to", "2026-13-01", "is no date"),
        ("valid_from_basis", "guess", "is none of"),
        ("recorded_at", "", "recorded_at is missing"),
    ],
)
def test_a_broken_row_of_the_book_is_named_by_line_and_column(
    seeds: Path, column: str, value: str, words: str
) -> None:
    rows = read(book_of(seeds))
    number = next(number for number, row in enumerate(rows) if is_row(row, **GPT5_INPUT))
    edit(book_of(seeds), lambda row: {**row, column: value} if row == rows[number] else row)
    place = f"{book_of(seeds)}, line {number + 2}: {column}"
    for name in ("update", "check"):
        assert_one_sentence(prices(name, seeds), 2, place, words)


def test_a_row_with_too_few_cells_is_named(seeds: Path) -> None:
    with book_of(seeds).open("a", encoding="utf-8") as file:
        file.write("a,b\n")
    lines = book_of(seeds).read_text(encoding="utf-8").count("\n")
    assert_one_sentence(prices("check", seeds), 2, f"line {lines}: 2 cells")


def test_a_file_of_other_columns_is_no_price_book(seeds: Path) -> None:
    other = seeds / "pricing" / "ai_price_multipliers.csv"
    result = focus_export("prices", "check", "--book", other)
    assert_one_sentence(result, 2, f"{other} has no column price_id")


def test_a_missing_genai_prices_is_said_with_its_remedy(seeds: Path) -> None:
    code = (
        "import sys\nsys.modules['genai_prices'] = None\n"
        "from exporter.cli import main\nmain(['prices', 'check'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert_one_sentence(result, 2, "pip install 'ai-focus[prices]'")


# check ----------------------------------------------------------------------------------------


def test_the_book_agrees_with_genai_prices_but_for_reviewed_differences() -> None:
    result = focus_export("prices", "check", "--as-of", "2026-11-22", "--format", "json")
    assert result.returncode == 0, result.stdout
    report = json.loads(result.stdout)
    assert report["sources"]["genai-prices"]["agreements"] > 800
    assert report["stale_reviews"] == []
    assert [one for one in report["differences"] if not one["reason"]] == []


def test_a_difference_names_both_prices_and_dates_and_fails(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    result = prices("check", seeds)
    assert result.returncode == 1
    assert (
        f"  openai gpt-5 input, from {DAY}: book 1.3 (unknown), genai-prices 1.25 (unknown)"
        in result.stdout.splitlines()
    )
    report = json.loads(prices("check", seeds, "--format", "json").stdout)
    (found,) = [one for one in report["differences"] if not one["reason"]]
    assert (found["model"], found["meter"], found["service_tier"]) == ("gpt-5", "input", "standard")
    assert (found["book"]["unit_price"], found["listed"]["unit_price"]) == ("1.3", "1.25")
    assert found["since"] == DAY


def test_a_price_announced_for_later_is_compared_too(seeds: Path) -> None:
    announced = {"model": "gemini-4-argon", "meter": "input", "valid_from": "2026-12-01"}
    edit(book_of(seeds), with_price("5", **announced, processing_mode="realtime"))
    result = prices("check", seeds, "--as-of", "2026-11-22")
    assert result.returncode == 1
    assert "gemini-4-argon input, from 2026-12-01: book 5 (2026-12-01 effective)" in result.stdout


def test_a_review_holds_for_its_two_prices_only(seeds: Path) -> None:
    edit(book_of(seeds), with_price("1.3", **GPT5_INPUT))
    review(seeds, "openai,gpt-5,input,standard,realtime,0,genai-prices,1.30,1.25,agreed by mail")
    result = prices("check", seeds)
    assert result.returncode == 0, result.stdout
    assert "genai-prices 1.25 (unknown): agreed by mail" in result.stdout

    edit(book_of(seeds), with_price("1.4", **GPT5_INPUT))
    result = prices("check", seeds)
    assert result.returncode == 1
    line = len(read(seeds / "pricing" / "ai_reviewed_differences.csv")) + 1
    assert f"  line {line}: openai gpt-5 input, genai-prices" in result.stdout.splitlines()

    edit(book_of(seeds), with_price("1.25", **GPT5_INPUT))
    result = prices("check", seeds)
    assert result.returncode == 0
    assert "Reviews that apply no more: take them out" in result.stdout


def test_a_review_without_a_reason_is_refused(seeds: Path) -> None:
    review(seeds, "openai,gpt-5,input,standard,realtime,0,genai-prices,1.3,1.25, ")
    assert_one_sentence(prices("check", seeds), 2, "ai_reviewed_differences.csv, line", "reason")


def test_what_only_one_has_is_listed(seeds: Path) -> None:
    edit(book_of(seeds), without(**GPT5_INPUT))
    extra = read(book_of(seeds))[0]
    with book_of(seeds).open("a", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, list(extra), lineterminator="\n").writerow(
            {**extra, "price_id": "invented", "model": "gpt-invented", "provider": "openai"}
        )
    report = json.loads(prices("check", seeds, "--format", "json").stdout)["sources"]
    listed = report["genai-prices"]
    assert "openai/gpt-invented" in listed["models_only_book"]
    # without a price, so the book leaves it out
    assert "cerebras/qwen-3-coder-480b" in listed["models_only_source"]
    assert [one["meter"] for one in listed["only_source"] if one["model"] == "gpt-5"] == ["input"]
    table = prices("check", seeds).stdout
    assert "Not in the book, only in genai-prices" in table
    assert "  openai gpt-5: input" in table.splitlines()


def test_litellm_is_compared_with_every_model_of_the_book(seeds: Path) -> None:
    result = prices("check", seeds, "--litellm", LITELLM, "--format", "json")
    assert result.returncode == 1
    found = {
        (one["provider"], one["model"], one["meter"], one["listed"]["unit_price"])
        for one in json.loads(result.stdout)["differences"]
        if one["source"] == "litellm"
    }
    # the off-peak prices of DeepSeek agree
    assert found == {
        ("azure", "gpt-5", "output", "9"),
        ("mistral", "mistral-large-4", "input", "1.36"),
    }


# rules ----------------------------------------------------------------------------------------


def at(day: str | None) -> datetime | None:
    return datetime.combine(date.fromisoformat(day), time.min) if day else None


def line(*segments: tuple[str | None, str, str]) -> Timeline:
    return [Segment(at(day), Decimal(price), basis) for day, price, basis in segments]


NOW = datetime(2026, 11, 22)


@pytest.mark.parametrize(
    ("book", "listed", "rows"),
    [
        pytest.param(
            line((None, "1", UNKNOWN)),
            line((None, "1", UNKNOWN)),
            [],
            id="equal prices need no row",
        ),
        pytest.param(
            line((None, "1", UNKNOWN)),
            line((None, "2", UNKNOWN)),
            [("2026-11-22", "2", VERIFIED_ON)],
            id="an undated change was seen on the day of the update",
        ),
        pytest.param(
            line((None, "1", UNKNOWN)),
            line((None, "1", UNKNOWN), ("2026-10-01", "2", EFFECTIVE)),
            [("2026-10-01", "2", EFFECTIVE)],
            id="a dated change holds from its date, also in the past",
        ),
        pytest.param(
            line((None, "1", UNKNOWN), ("2026-11-01", "3", VERIFIED_ON)),
            line((None, "1", UNKNOWN), ("2026-10-01", "2", EFFECTIVE)),
            [("2026-10-01", "2", EFFECTIVE), ("2026-11-01", "2", VERIFIED_ON)],
            id="a later row with another price is corrected at its own date",
        ),
        pytest.param(
            line((None, "1", UNKNOWN), ("2027-01-01", "3", EFFECTIVE)),
            line((None, "1", UNKNOWN)),
            [],
            id="an undated price says nothing of what is announced",
        ),
        pytest.param(
            line(("2026-10-12", "1", VERIFIED_ON)),
            line(("2026-09-01", "2", EFFECTIVE)),
            [("2026-10-12", "2", VERIFIED_ON)],
            id="the first row keeps the past: it is corrected, not preceded",
        ),
        pytest.param(
            line(("2026-10-12", "1", EFFECTIVE)),
            line(("2026-09-01", "2", EFFECTIVE)),
            [("2026-09-01", "2", EFFECTIVE), ("2026-10-12", "2", EFFECTIVE)],
            id="before an effective first row there was no price",
        ),
    ],
)
def test_a_key_of_the_book_gets_the_rows_that_it_lacks(
    book: Timeline, listed: Timeline, rows: list[tuple[str, str, str]]
) -> None:
    changes = [segment for segment, _ in find_changes(book, listed, NOW)]
    assert changes == line(*rows)


def opened(listed: Timeline) -> Timeline:
    return [segment for segment, _ in open_key(listed, NOW)]


def test_a_new_key_is_open_to_the_past_from_its_first_price() -> None:
    undated = line((None, "1", UNKNOWN))
    assert opened(undated) == line(("2026-11-22", "1", VERIFIED_ON))
    announced = line((None, "1", UNKNOWN), ("2027-01-01", "2", EFFECTIVE))
    assert opened(announced) == line(
        ("2026-11-22", "1", VERIFIED_ON), ("2027-01-01", "2", EFFECTIVE)
    )
    changed = line((None, "1", UNKNOWN), ("2026-10-01", "2", EFFECTIVE))
    assert opened(changed) == changed


def test_a_first_price_is_open_to_the_past_unless_its_date_is_effective() -> None:
    for basis, price in ((VERIFIED_ON, Decimal(1)), (EFFECTIVE, None)):
        found = segment_at(line(("2026-10-12", "1", basis)), datetime(2026, 10, 11))
        assert (found.price if found else None) == price


@pytest.mark.parametrize(
    ("price", "is_fitting"),
    [
        ("0", True),
        ("0.123456789012", True),
        ("0.1234567890120", True),
        ("0.1234567890123", False),
        ("99999999.999999999999", True),
        ("100000000", False),
        ("1E-12", True),
        ("1E-13", False),
        ("-1", False),
        ("Infinity", False),
    ],
)
def test_a_price_fits_twelve_decimals_and_eight_digits_before(price: str, is_fitting: bool) -> None:
    assert fits(Decimal(price)) is is_fitting


def model(**parts: Any) -> types.ModelInfo:
    return types.ModelInfo(id="m", match=types.ClauseEquals(equals="m"), **parts)


def timelines(info: types.ModelInfo) -> dict[str, list[tuple[str, str | None, str]]]:
    return {
        key.describe(): [
            (
                segment.start.date().isoformat() if segment.start else "",
                None if segment.price is None else str(segment.price),
                segment.basis,
            )
            for segment in timeline
        ]
        for key, timeline in read_timelines(Key("p", "m", ""), info, "here")
    }


def prices_of(**units: Any) -> types.ModelPrice:
    return types.ModelPrice(**units)


def test_tiers_of_genai_prices_become_context_bands() -> None:
    tiered = types.TieredPrices(
        base=Decimal(1),
        tiers=[types.Tier(start=199999, price=Decimal(2)), types.Tier(400000, Decimal(3))],
    )
    info = model(
        prices=prices_of(input_mtok=tiered, output_mtok=Decimal(4), audio_hours=Decimal(9))
    )
    assert timelines(info) == {
        "p m input": [("", "1", UNKNOWN)],
        "p m input context >= 200000": [("", "2", UNKNOWN)],
        "p m input context > 400000": [("", "3", UNKNOWN)],
        "p m output": [("", "4", UNKNOWN)],
    }


def test_dates_and_daily_windows_of_genai_prices_stand_side_by_side() -> None:
    info = model(
        prices=[
            types.ConditionalPrice(prices=prices_of(input_mtok=Decimal(1), output_mtok=Decimal(5))),
            types.ConditionalPrice(
                constraint=types.StartDateConstraint(date(2026, 10, 1)),
                prices=prices_of(input_mtok=Decimal(2)),
            ),
            types.ConditionalPrice(
                constraint=types.TimeOfDateConstraint(
                    time(1, tzinfo=timezone.utc), time(4, tzinfo=timezone.utc)
                ),
                prices=prices_of(input_mtok=Decimal(3)),
            ),
        ]
    )
    assert timelines(info) == {
        "p m input": [("", "1", UNKNOWN), ("2026-10-01", "2", EFFECTIVE)],
        "p m input 01:00-04:00 UTC": [("", "3", UNKNOWN)],
        # the second entry has no price for output
        "p m output": [("", "5", UNKNOWN), ("2026-10-01", None, EFFECTIVE)],
    }


def test_a_daily_window_ends_where_a_later_entry_of_genai_prices_begins() -> None:
    info = model(
        prices=[
            types.ConditionalPrice(prices=prices_of(input_mtok=Decimal(1))),
            types.ConditionalPrice(
                constraint=types.TimeOfDateConstraint(
                    time(1, tzinfo=timezone.utc), time(4, tzinfo=timezone.utc)
                ),
                prices=prices_of(input_mtok=Decimal(3)),
            ),
            types.ConditionalPrice(
                constraint=types.StartDateConstraint(date(2026, 10, 1)),
                prices=prices_of(input_mtok=Decimal(2)),
            ),
        ]
    )
    assert timelines(info) == {
        "p m input": [("", "1", UNKNOWN), ("2026-10-01", "2", EFFECTIVE)],
        "p m input 01:00-04:00 UTC": [("", "3", UNKNOWN), ("2026-10-01", None, EFFECTIVE)],
    }


def test_the_first_date_of_a_variant_is_the_day_of_a_check() -> None:
    batch = {"processing": "batch"}
    info = model(
        prices=prices_of(input_mtok=Decimal(4)),
        price_variants=[
            types.PriceVariant(
                batch,
                prices_of(input_mtok=Decimal(3)),
                types.StartDateConstraint(date(2026, 12, 1)),
            ),
            types.PriceVariant(
                batch,
                prices_of(input_mtok=Decimal(2)),
                types.StartDateConstraint(date(2026, 10, 14)),
            ),
            types.PriceVariant({"speed": "fast"}, prices_of(input_mtok=Decimal(8))),
            types.PriceVariant({"service_tier": "default"}, prices_of(input_mtok=Decimal(7))),
        ],
    )
    assert timelines(info) == {
        "p m input": [("", "4", UNKNOWN)],
        "p m input batch": [("2026-10-14", "2", VERIFIED_ON), ("2026-12-01", "3", EFFECTIVE)],
        "p m input fast": [("", "8", UNKNOWN)],
    }


# missing --------------------------------------------------------------------------------------


def test_missing_lists_what_the_table_holds(demo_home: Path) -> None:
    query = "select count(*), sum(calls) from ai_missing_prices"
    ((kinds, calls),) = rows_of(demo_home / "ai_focus.duckdb", query)
    assert kinds
    result = focus_export("prices", "missing", "--home", demo_home)
    assert result.returncode == 0, result.stderr
    header, *lines = result.stdout.splitlines()
    assert header.split()[:3] == ["provider", "model", "meter"]
    assert len(lines) == kinds
    assert "gpt-7-preview (unknown)" in result.stdout
    found = json.loads(
        focus_export("prices", "missing", "--home", demo_home, "--format", "json").stdout
    )
    assert sum(row["calls"] for row in found) == calls
    assert {row["hold_reason"] for row in found} == {"unknown_model"}
    assert all(row["nearest_names"] for row in found)


def test_missing_is_incomplete_with_strict(demo_home: Path) -> None:
    result = focus_export("prices", "missing", "--home", demo_home, "--strict")
    assert_one_sentence(result, 3, "Usage has no price", "--strict")


def test_missing_without_a_build_says_so(tmp_path: Path) -> None:
    result = focus_export("prices", "missing", "--home", tmp_path)
    assert_one_sentence(result, 2, "There is no build")


def test_missing_gives_rows_of_the_shape_of_own_prices_without_a_price() -> None:
    from exporter.prices.report import missing_csv

    row = {
        **{"provider": None, "provider_as_sent": "cohere", "model": None, "model_as_sent": "r-zz"},
        **{"meter": "input", "service_tier": "standard", "processing_mode": "realtime"},
        "region_id": None,
    }
    columns = ("provider", "model", "meter", "unit_price", "service_tier", "processing_mode")
    assert missing_csv([row, row], (*columns, "region_id")).splitlines() == [
        "provider,model,meter,unit_price,service_tier,processing_mode,region_id",
        "cohere,r-zz,input,,standard,realtime,",
    ]
