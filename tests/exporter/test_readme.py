"""What the README and docs/ print is true: commands parse, queries give the rows shown."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import click
import duckdb
import pytest
import yaml
from conftest import ROOT, DemoRun

from exporter.build import report
from exporter.build.totals import read_totals
from exporter.cli import COMMANDS, cli

README = ROOT / "README.md"
COMMAND = ROOT / "docs" / "command.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_QUERY = re.compile(r"^```sql\n([^`]*)^```\n\n((?:^\|.*\n)+)", re.MULTILINE)


def command_lines(page: Path) -> Iterator[str]:
    """Every complete `focus-export` command of a page, in blocks and in running text."""
    text = page.read_text(encoding="utf-8")
    pieces = [line for _, block in _FENCE.findall(text) for line in block.splitlines()]
    pieces += re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    for piece in pieces:
        for part in re.split(r"\||&&|;", piece.split(" #")[0]):
            line = re.sub(r"^(?:[A-Z_]+=\S* )+", "", part.strip())
            if line.startswith("focus-export ") and "…" not in line:
                yield line


LINES = sorted({(page.name, line) for page in PAGES for line in command_lines(page)})


@pytest.mark.parametrize(("page", "line"), LINES)
def test_every_command_line_parses(page: str, line: str) -> None:
    arguments = shlex.split(line)[1:]
    if arguments[0].startswith("-"):
        assert arguments in (["--help"], ["--version"])
        return
    context = click.Context(cli)
    command = cli.get_command(context, arguments[0])
    assert command is not None, f"{page}: there is no command {arguments[0]}"
    try:
        command.make_context(arguments[0], arguments[1:], parent=context)
    except click.exceptions.Exit as stop:
        # --help ends here
        assert stop.exit_code == 0
    except click.MissingParameter:
        # a command that the text only names
        assert len(arguments) == 1


def test_every_command_has_its_place_in_the_pages() -> None:
    readme = README.read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"| `focus-export {name}` |" in COMMAND.read_text(encoding="utf-8"), name
        assert f"`focus-export {name}`" in " ".join(readme.split()), name


def test_the_first_screen_has_all_that_one_needs_to_begin() -> None:
    sections = README.read_text(encoding="utf-8").split("\n## ")
    screen = "\n## ".join(sections[:2])
    assert len(screen.splitlines()) < 80
    assert "](docs/images/page.png)" in screen
    blocks = [line for _, block in _FENCE.findall(screen) for line in block.splitlines()]
    commands = [line.split("#")[0].strip() for line in blocks]
    assert "pip install . && focus-export run" in commands
    assert "pip install '.[dev]' && pytest" in commands
    assert "](docs/package.md)" in screen
    assert len(_QUERY.findall(screen)) == 1
    assert "Snowflake and BigQuery: emulators so far" in screen
    assert [
        name for name in ("Reads", "Goes to", "Doesn't yet") if f"- **{name}**" not in screen
    ] == []


def test_the_package_is_promised_at_a_revision_that_is_there() -> None:
    [block] = [text for kind, text in _FENCE.findall(README.read_text("utf-8")) if kind == "yaml"]
    [package] = yaml.safe_load(block)["packages"]
    assert package.keys() == {"git", "revision"}
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    # a version has its tag once it has its section
    assert package["revision"] == "main" or f"## [{package['revision']}]" in changes


def test_the_pages_count_the_providers_of_the_price_book() -> None:
    with (ROOT / "seeds/reference/ai_providers.csv").open(newline="", encoding="utf-8") as stream:
        names = [row["service_provider_name"] for row in csv.DictReader(stream)]
    for page in (README, ROOT / "docs/pricing.md"):
        assert f"{len(names)} providers" in page.read_text(encoding="utf-8")


def test_an_unknown_option_in_a_page_would_be_seen() -> None:
    command = cli.get_command(click.Context(cli), "export")
    assert command is not None
    with pytest.raises(click.NoSuchOption):
        command.make_context("export", ["--colour"])


def shown(value: object) -> str:
    """A value as the pages write it."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return str(value)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


EXAMPLES = [
    pytest.param(query, table, id=f"{page.name}-{number}")
    for page in PAGES
    for number, (query, table) in enumerate(
        _QUERY.findall(page.read_text(encoding="utf-8")), start=1
    )
]


@pytest.mark.parametrize(("query", "table"), EXAMPLES)
def test_a_query_gives_the_rows_shown_below_it(query: str, table: str, demo_home: Path) -> None:
    header, _, *rows = table.splitlines()
    database = (demo_home / "ai_focus.duckdb").resolve()
    with duckdb.connect(str(database), read_only=True) as connection:
        result = connection.execute(query)
        columns = [column[0] for column in result.description]
        found = [[shown(value) for value in row] for row in result.fetchall()]
    assert columns == cells(header)
    assert found == [cells(row) for row in rows]


def test_the_pages_show_queries() -> None:
    counts = {page.name: len(_QUERY.findall(page.read_text(encoding="utf-8"))) for page in PAGES}
    assert counts["README.md"] >= 1
    assert counts["data.md"] >= 7


def test_the_summary_is_that_of_the_demo(demo_run: DemoRun) -> None:
    closing = demo_run.result.stdout.split("\n\n")[1]
    first = "\n".join(closing.splitlines()[:5])
    assert f"```\n{first}\n…\n```" in README.read_text(encoding="utf-8")
    pages = COMMAND.read_text(encoding="utf-8")
    assert f"```\n{closing}\n```" in pages
    totals = read_totals((demo_run.home / "ai_focus.duckdb").resolve())
    said = report.describe(totals, finished_at="2026-11-28T06:00:00Z")
    assert "```\n{}\n```".format("\n".join(said[said.index("") + 1 :])) in pages
    more = report.describe(totals, verbose=True)[len(said) :]
    assert more
    assert "```\n{}\n```".format("\n".join(more)) in pages


def test_what_is_said_of_the_price_lists_is_so() -> None:
    with (ROOT / "seeds/pricing/ai_list_prices.csv").open(newline="", encoding="utf-8") as stream:
        prices = list(csv.DictReader(stream))
    with (ROOT / "seeds/pricing/ai_price_multipliers.csv").open(
        newline="", encoding="utf-8"
    ) as file:
        uplifts = len(list(csv.DictReader(file)))
    models = len({(price["provider"], price["model"]) for price in prices})
    basis = [price["valid_from_basis"] for price in prices]
    text = " ".join(README.read_text(encoding="utf-8").split())
    assert f"{len(prices):,} prices of {models:,} models. Of {basis.count('unknown'):,} " in text
    assert f"{uplifts} surcharges" in text
    text = " ".join((ROOT / "docs/pricing.md").read_text(encoding="utf-8").split())
    assert (
        f"Of {len(prices):,} prices {basis.count('unknown'):,} are `unknown`, "
        f"{basis.count('verified_on'):,} `verified_on`, {basis.count('effective'):,} `effective`."
    ) in text
    assert f"{uplifts} surcharges" in text
    assert {price["currency"] for price in prices} == {"USD"}


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    missing = [
        link
        for link in links
        if not link.startswith("https://") and not (page.parent / link).exists()
    ]
    assert missing == []


def test_the_documentation_index_lists_every_page() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in index, page.name


def test_the_examples_of_raw_files_are_known_for_what_they_are(tmp_path: Path) -> None:
    from exporter.project import load_project
    from exporter.raw.plan import plan_raw_files

    blocks = dict(_FENCE.findall(README.read_text(encoding="utf-8")))
    prices = dict(_FENCE.findall((ROOT / "docs/pricing.md").read_text(encoding="utf-8")))
    for name, content in (
        ("gateway/calls.csv", blocks["csv"]),
        ("litellm/spend.jsonl", blocks["json"]),
        ("contract_prices/prices.csv", prices["csv"]),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(content, encoding="utf-8")
    plan = plan_raw_files(tmp_path, load_project())
    assert set(plan.raw_files) == {"gateway_calls", "litellm_spend_logs", "contract_prices"}
    assert plan.notes == []


def test_every_raw_column_and_variable_is_in_the_pages() -> None:
    from exporter.project import load_project

    project = load_project()
    sources = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
    for table in project.raw_tables():
        needed = table.columns if table.name == "gateway_calls" else table.required
        if table.folder in ("gateway", "litellm", "contracts"):
            assert [name for name in needed if f"`{name}`" not in sources] == []
    variables = COMMAND.read_text(encoding="utf-8")
    # set by --raw-dir alone
    internal = {"raw_files"}
    for name in project.settings["vars"].keys() - internal:
        assert f"`{name}`" in variables, name
