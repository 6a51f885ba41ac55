"""The page for people, in headless Chromium: figures, keyboard, tenants, colours, what may fail."""

from __future__ import annotations

import csv
import os
import random
import re
import shutil
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from api_client import Server, bearer, copy_home, publish, serve, write_tokens
from axe_playwright_python.sync_playwright import Axe
from conftest import ROOT, rows_of
from page_browser import Visit, amounts, expect, open_browser, tab_to, visit, wait_until
from picture import size_of, with_text
from picture import text_of as text_in
from playwright.sync_api import Browser, Page, Request, Route
from spend_world import CREDITED, FORMULA, HOSTILE, TINY, TINY_COST, make_world

from exporter.home import Home

PICTURE = ROOT / "docs" / "images" / "page.png"
STATIC = ROOT / "exporter" / "api" / "static"
RELATION = "focus_cost_and_usage_v1_3"
COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
OCTOBER = "from=2026-10-01&to=2026-10-31"
IN_OCTOBER = "ChargePeriodStart >= '2026-10-01' and ChargePeriodStart < '2026-11-01'"
TOKENS: dict[str, dict[str, Any]] = {
    "acme": {"billing_accounts": ["org-acme"]},
    "globex": {"billing_accounts": ["org-globex"]},
    "commitments": {"datasets": ["contract-commitment"]},
}
LISTS = {"department": "SubAccountName", "provider": "ProviderName", "model": "x_ModelId"}
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def world(browser: Browser, demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    return make_world(demo_home, tmp_path_factory.mktemp("page") / "home")


@pytest.fixture(scope="module")
def url(world: Home) -> Iterator[str]:
    with serve(world.path) as server:
        yield server.url


@pytest.fixture
def seen(browser: Browser, url: str) -> Iterator[Visit]:
    with visit(browser, url) as visited:
        yield visited


def sql(world: Home, select: str, condition: str = "true", rest: str = "") -> list[tuple[Any, ...]]:
    return rows_of(world.database, f"select {select} from {RELATION} where {condition} {rest}")


def text_of(sum_of: str) -> str:
    """SQL of a sum as decimal text without needless zeros."""
    return f"rtrim(rtrim(cast(sum({sum_of}) as varchar), '0'), '.')"


def open_lists(page: Page) -> None:
    folded = page.get_by_role("button", name=re.compile("^Show all"))
    while folded.count():
        folded.first.click()
    for summary in page.locator("summary").all():
        summary.click()


def read_status(page: Page) -> str:
    return page.locator("#status").inner_text()


SUPPORT = (
    f"{OCTOBER}&department=Customer%20Support",
    f"{IN_OCTOBER} and SubAccountId = 'Customer Support'",
)


@pytest.mark.parametrize(
    ("fragment", "condition", "cost"),
    [
        ("", "true", "BilledCost"),
        (f"{OCTOBER}&provider=OpenAI", f"{IN_OCTOBER} and ProviderName = 'OpenAI'", "BilledCost"),
        (
            "department=&model=gpt-5-mini",
            "SubAccountId is null and x_ModelId = 'gpt-5-mini'",
            "EffectiveCost",
        ),
        (f"department={CREDITED}&currency=EUR", "SubAccountId = 'Engineering'", "BilledCost"),
        *((*SUPPORT, cost) for cost in COSTS),
    ],
)
def test_the_figures_are_those_of_sql(
    seen: Visit, world: Home, fragment: str, condition: str, cost: str
) -> None:
    if "currency" in fragment:
        condition += " and BillingCurrency = 'EUR'"
    page = seen.go(f"#{fragment}&cost={cost}")
    open_lists(page)
    shown = {
        total.get_attribute("data-total"): total.locator("data").get_attribute("value")
        for total in page.locator("[data-total]").all()
    }
    expected = dict(sql(world, f"BillingCurrency, {text_of(cost)}", condition, "group by 1"))
    assert expected
    assert shown == expected

    for total in page.locator(".total").all():
        currency = total.locator("[data-total]").get_attribute("data-total")
        within = f"{condition} and BillingCurrency = '{currency}'"
        for column, name in enumerate(COSTS, 1):
            parts = dict(amounts(total.locator("tbody tr"), column))
            assert parts.pop("All charges") == sql(world, text_of(name), within)[0][0]
            assert parts == dict(
                sql(world, f"ChargeCategory, {text_of(name)}", within, "group by 1")
            )

    unit = "'%Y-%m-%d'"
    days = sql(
        world,
        f"strftime(ChargePeriodStart, {unit}), BillingCurrency, {text_of(cost)}, count(*)::varchar",
        condition,
        "group by 1, 2 order by 2, 1",
    )
    assert page.locator("table.times tbody tr").evaluate_all(
        """rows => rows.map((row) => [
          row.querySelector("[data-key]").getAttribute("data-key"),
          row.querySelector("td data").value,
          row.lastElementChild.textContent.replaceAll(",", ""),
        ])"""
    ) == [[f"time:{currency}:{day}", *figures] for day, currency, *figures in days]
    assert page.locator(".slot").count() == len(days)

    for name, column in LISTS.items():
        groups = sql(
            world,
            f"coalesce({column}, 'No {name}'), BillingCurrency, {text_of(cost)}",
            condition,
            "group by 1, 2",
        )
        found = page.locator(f"#by-{name} tbody tr").evaluate_all(
            """rows => rows.map((row) => {
              const amount = row.querySelector("td > data");
              return [row.cells[0].textContent, amount.title.split(" ").pop(), amount.value];
            })"""
        )
        assert sorted(map(tuple, found)) == sorted(groups)


def test_credits_stand_apart(seen: Visit, world: Home) -> None:
    page = seen.go(f"#department={CREDITED}&currency=USD")
    [(credited,)] = sql(
        world,
        text_of("BilledCost"),
        "SubAccountId = 'Engineering' and BillingCurrency = 'USD' and ChargeCategory = 'Credit'",
    )
    row = page.locator("#by-department tbody tr")
    assert "credits" in row.inner_text()
    assert row.locator(".muted data").get_attribute("value") == credited
    assert credited.startswith("-")
    assert page.locator(".slot .credit").count() > 0


def test_coverage_stands_beside_the_totals(seen: Visit, world: Home) -> None:
    page = seen.go(f"#{OCTOBER}&provider=OpenAI&model=gpt-5-mini")
    [(calls, priced)] = rows_of(
        world.database,
        "select count(*), count(*) filter (hold_reason is null) from ai_calls where is_billable"
        " and service_provider_name = 'OpenAI'"
        " and charge_period_start >= '2026-10-01' and charge_period_start < '2026-11-01'",
    )
    [(tokens, until)] = rows_of(
        world.database,
        "select sum(total_tokens) filter (hold_reason is not null),"
        " strftime(max(charge_period_start), '%Y-%m-%d %H:%M') from ai_calls"
        " where service_provider_name = 'OpenAI'"
        " and charge_period_start >= '2026-10-01' and charge_period_start < '2026-11-01'",
    )
    coverage = page.locator("#coverage").inner_text()
    assert f"{priced:,} of {calls:,} billable calls have a price" in coverage
    assert f"{calls - priced} \u00d7 model not in the price book" in coverage
    missing = f"{calls - priced} calls not priced yet ({tokens:,} tokens), of unknown cost."
    assert f"Not in these totals: {missing}" in coverage
    assert "Not in these totals: 2 unreadable lines of the logs." in coverage
    assert "2026-10 is not complete: it waits for litellm." in coverage
    assert f"Usage until {until} UTC, built 20" in page.locator("#build").inner_text()
    assert "Why they are not priced yet:" in coverage
    # a call without a price has no model
    assert "Counted for every model" in coverage
    assert page.locator("#coverage .warning").is_visible()
    [(compared,)] = rows_of(
        world.database,
        "select sum(compared_calls) from ai_coverage where service_provider_name = 'OpenAI'"
        " and usage_month = '2026-10-01'",
    )
    assert f"All {compared} costs in the log are equal." in coverage


def test_how_much_of_the_cost_has_a_department_stands_with_the_totals(
    seen: Visit, world: Home
) -> None:
    page = seen.go(f"#{OCTOBER}&currency=USD")
    [(thousandths,)] = sql(
        world,
        "floor(1000 * (sum(EffectiveCost) filter (SubAccountId is not null))::double"
        " / sum(EffectiveCost)::double)::bigint",
        f"{IN_OCTOBER} and BillingCurrency = 'USD'",
    )
    assert 0 < thousandths < 1000
    said = f"{thousandths // 10}.{thousandths % 10}%".replace(".0%", "%")
    assert f"{said} allocated to departments." in page.locator("#totals").inner_text()


def test_a_cost_too_small_to_write_is_not_nothing(seen: Visit) -> None:
    page = seen.go(f"#department={TINY}")
    figure = page.locator("[data-total] data")
    expect(figure).to_have_text(re.compile(r"^< 0\.01"))
    assert figure.get_attribute("value") == TINY_COST
    assert TINY_COST in str(figure.get_attribute("title"))
    expect(page.locator("#charges td.exact data")).to_contain_text(TINY_COST)
    page.get_by_label("All digits").check()
    expect(figure).to_contain_text(TINY_COST)
    assert "digits=all" in page.url
    assert TINY_COST in read_status(page)


def test_amounts_are_rounded_as_decimals(seen: Visit) -> None:
    chance = random.Random(7)
    texts = ["0", "0.005", "0.00499", "0.995", "-0.995", "-0.004", "999999.995", "1e3", ""]
    texts += [
        f"{chance.choice(['', '-'])}{chance.randrange(10 ** chance.randrange(1, 24))}"
        f".{str(chance.randrange(10**18)).zfill(18)[: chance.randrange(1, 19)]}"
        for _ in range(500)
    ]
    page = seen.go()
    for places in (0, 2, 3):
        shown = page.evaluate(
            """async ([texts, places]) => {
              const { rounded } = await import("/static/money.js");
              return texts.map((text) => rounded(text, places));
            }""",
            [texts, places],
        )
        for text, written in zip(texts, shown, strict=True):
            if not re.fullmatch(r"-?\d+(\.\d+)?", text):
                assert written == text
                continue
            least = Decimal(1).scaleb(-places)
            value = Decimal(text)
            if value and abs(value) < least:
                expected = f"< {least}" if value > 0 else f"> \u2212{least}"
            else:
                with_places = value.quantize(least, ROUND_HALF_UP) if value else least * 0
                expected = f"{with_places:,f}".replace("-", "\u2212")
            assert written == expected, text
    shares = page.evaluate(
        """async () => {
          const { percent } = await import("/static/money.js");
          return ["1", "0", "0.9999", "0.986818", "0.05", "0.99"].map(percent);
        }"""
    )
    assert shares == ["100%", "0%", "99.9%", "98.6%", "5%", "99%"]


def test_numbers_keep_every_digit_on_their_way(seen: Visit) -> None:
    page = seen.go()
    read = page.evaluate(
        r"""async () => {
          const { parseExact } = await import("/static/answers.js");
          return parseExact('{"a": 0.123456789012345678,'
            + ' "b": [-12345678901234567890.5, null, true], "c": "7 \\"8\\" \\\\", "9": 1e-12}');
        }"""
    )
    assert read == {
        "a": "0.123456789012345678",
        "b": ["-12345678901234567890.5", None, True],
        "c": '7 "8" \\',
        "9": "1e-12",
    }


def test_from_filter_to_row_to_file_by_keyboard_alone(
    seen: Visit, world: Home, tmp_path: Path
) -> None:
    page = seen.go()
    keyboard = page.keyboard
    tab_to(page, page.locator("#skip"))
    keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "figures"
    assert page.url.endswith("/")
    page.reload()
    seen.settle()

    # a filter
    tab_to(page, page.get_by_label("Provider", exact=True))
    keyboard.type("Op")
    keyboard.press("Tab")
    seen.settle()
    expect(page.locator("#by-provider tbody tr")).to_have_count(2)
    assert "provider=OpenAI" in page.url
    # a row of a table
    department = page.locator("#by-department button.pick", has_text="Marketing").first
    tab_to(page, department)
    keyboard.press("Enter")
    expect(page.get_by_label("Department", exact=True)).to_have_value("=Marketing")
    seen.settle()
    assert department.evaluate("it => it === document.activeElement")
    assert department.get_attribute("aria-pressed") == "true"
    # a bar: from the first to the second from the end, and into it
    page.locator("#skip").focus()
    tab_to(page, page.locator(".slot").first)
    keyboard.press("End")
    keyboard.press("ArrowLeft")
    keyboard.press("ArrowRight")
    keyboard.press("ArrowLeft")
    bar = page.locator(".chart").first.locator(".slot").nth(-2)
    assert bar.evaluate("it => it === document.activeElement")
    label = str(bar.get_attribute("aria-label"))
    expect(page.locator(".readout").first).to_have_text(label)
    day = str(bar.get_attribute("data-key")).rpartition(":")[2]
    keyboard.press("Enter")
    page.wait_for_url(re.compile(f"from={day}&to={day}"))
    seen.settle()
    # a charge with all of its columns
    condition = (
        f"ProviderName = 'OpenAI' and SubAccountId = 'Marketing'"
        f" and ChargePeriodStart::date = '{day}'"
    )
    [first, *_] = sql(
        world, "x_ChargeId, SkuPriceId", condition, "order by ChargePeriodStart, x_ChargeId"
    )
    charge = page.locator("#charges button.pick").first
    tab_to(page, charge)
    keyboard.press("Enter")
    expect(page.locator("dialog")).to_contain_text(first[0])
    expect(page.locator("dialog")).to_contain_text(first[1])
    keyboard.press("Escape")
    expect(page.locator("dialog")).not_to_be_visible()
    assert charge.evaluate("it => it === document.activeElement")
    # the file of what is shown
    with page.expect_download() as downloading:
        page.locator("#skip").focus()
        tab_to(page, page.locator("#order"))
        keyboard.press("Enter")
    file = tmp_path / downloading.value.suggested_filename
    downloading.value.save_as(file)
    assert file.name == "focus_cost_and_usage.csv"
    with file.open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["x_ChargeId"], row["BilledCost"]) for row in rows] == sql(
        world,
        f"x_ChargeId, {text_of('BilledCost')}",
        condition,
        "group by 1, ChargePeriodStart order by ChargePeriodStart, x_ChargeId",
    )
    expect(page.locator("#download-status")).to_contain_text(f"{len(rows)} rows")
    # and all the way back
    for name in ("Marketing", "OpenAI"):
        assert name in page.locator("#figures").inner_text()
    tab_to(page, page.locator("#clear"))
    keyboard.press("Enter")
    page.wait_for_url(re.compile("#?$"))
    seen.settle()
    expect(page.get_by_label("Department", exact=True)).to_have_value("")


def test_dates_are_typed_and_applied_with_enter(seen: Visit) -> None:
    page = seen.go()
    page.locator("#from").fill("2026-09-05")
    # what is asked for meanwhile does not write over what is being written
    page.evaluate("window.dispatchEvent(new HashChangeEvent('hashchange'))")
    seen.settle()
    page.locator("#to").fill("2026-09-06")
    assert "from" not in page.url
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("from=2026-09-05&to=2026-09-06"))
    seen.settle()
    expect(page.get_by_label("Period", exact=True)).to_have_value("custom")
    assert len({it.split(":")[2] for it in keys_of(page, ".slot")}) == 2
    page.get_by_label("Period", exact=True).select_option(label="August 2026")
    page.wait_for_url(re.compile("from=2026-08-01&to=2026-08-31"))
    seen.settle()
    expect(page.locator("#to")).to_have_value("2026-08-31")
    page.locator("#to").fill("2026-08-15")
    page.locator("#clear").focus()
    page.wait_for_url(re.compile("from=2026-08-01&to=2026-08-15"))


def keys_of(page: Page, selector: str) -> list[str]:
    found: list[str] = page.locator(selector).evaluate_all(
        "all => all.map((it) => it.getAttribute('data-key'))"
    )
    return found


def test_long_periods_are_shown_by_month(seen: Visit) -> None:
    page = seen.go("#from=2026-01-01&to=2026-12-31")
    bars = page.locator(".chart").first.locator(".slot")
    assert [key.rpartition(":")[2] for key in keys_of(page, ".slot")][:3] == [
        "2026-08",
        "2026-09",
        "2026-10",
    ]
    bars.nth(1).click()
    page.wait_for_url(re.compile("from=2026-09-01&to=2026-09-30"))


def test_a_view_is_shared_by_its_address_and_gone_back_to(seen: Visit, browser: Browser) -> None:
    page = seen.go()
    whole = read_status(page)
    page.get_by_label("Department", exact=True).select_option(label="Marketing")
    page.wait_for_url(re.compile("department=Marketing"))
    seen.settle()
    narrowed = read_status(page)
    page.get_by_label("Cost", exact=True).select_option(label="List cost")
    page.wait_for_url(re.compile("cost=ListCost"))
    seen.settle()
    with visit(browser, seen.url) as other:
        other.page.goto(page.url)
        other.settle()
        assert read_status(other.page) == read_status(page) != narrowed
    for expected in (narrowed, whole):
        page.go_back()
        expect(page.locator("#status")).to_have_text(expected)
    page.go_forward()
    expect(page.locator("#status")).to_have_text(narrowed)
    expect(page.get_by_label("Department", exact=True)).to_have_value("=Marketing")


def test_the_pages_of_charges_are_the_extract(seen: Visit, world: Home) -> None:
    page = seen.go("#from=2026-10-05&to=2026-10-06&currency=USD&cost=ListCost")
    condition = (
        "ChargePeriodStart::date in ('2026-10-05', '2026-10-06') and BillingCurrency = 'USD'"
    )
    expected = sql(
        world,
        f"x_ChargeId, {text_of('ListCost')}",
        condition,
        "group by 1, ChargePeriodStart order by ChargePeriodStart, x_ChargeId",
    )
    assert len(expected) > 50
    read = """() => [...document.querySelectorAll("#charges tbody tr")].map((row) => [
      row.querySelector("[data-key]").getAttribute("data-key").slice("charge:".length),
      row.querySelector("td.exact data").value,
      row.querySelector("td.exact data").firstChild.data,
    ])"""
    pages = [page.evaluate(read)]
    total = len(expected)
    for first in range(26, total + 1, 25):
        page.locator("#next").click()
        last = min(first + 24, total)
        expect(page.locator("#place")).to_have_text(f"{first} to {last} of {total}")
        pages.append(page.evaluate(read))
    found = [tuple(row) for part in pages for row in part]
    # rows are shown with all their digits
    assert [row[:2] for row in found] == expected
    assert all(value == written for _, value, written in found)
    expect(page.locator("#next")).to_have_attribute("aria-disabled", "true")
    page.locator("#previous").click()
    expect(page.locator("#place")).to_have_text(re.compile(f"^{total - total % 25 - 24} to"))
    assert page.evaluate(read) == pages[-2]


def test_a_hostile_name_is_text(seen: Visit, world: Home) -> None:
    page = seen.go()
    title = page.title()
    page.get_by_role("button", name="Show all").first.click()
    button = page.locator("#by-department button.pick", has_text="<img").first
    assert button.inner_text() == HOSTILE
    button.click()
    page.wait_for_url(re.compile("department="))
    seen.settle()
    [(count,)] = sql(world, "count(*)", "SubAccountId = ?".replace("?", quoted(HOSTILE)))
    expect(page.locator("#order")).to_have_text(f"Download {count:,} rows")
    page.locator("#charges button.pick").first.click()
    assert HOSTILE in page.locator("dialog").inner_text()
    page.keyboard.press("Escape")
    # from a link that somebody sent
    for name in ("department", "provider", "model", "currency"):
        seen.page.goto("about:blank")
        seen.go(f"#{name}={HOSTILE}%3Cscript%3Edocument.title=1%3C/script%3E")
        expect(page.locator("#totals")).to_have_text("No charges fit these filters.")
        assert "<script>" in page.locator(f"#{name} option:checked").inner_text()
    assert page.locator("main img, main script").count() == 0
    assert page.title() == title


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class Markup(HTMLParser):
    """Finds what a strict policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self._script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag in ("script", "style")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.faults.append(f"{tag} {name}")
            if name in ("src", "href") and (":" in str(value) or str(value).startswith("/")):
                self.faults.append(f"{tag} {name}={value}")

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.faults.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._script = False


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    markup = Markup()
    markup.feed((STATIC / "index.html").read_text(encoding="utf-8"))
    assert markup.faults == []
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "://" not in text, file
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)


def test_the_policy_lets_no_text_become_a_script(browser: Browser, url: str) -> None:
    answer = httpx.get(f"{url}/")
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert policy.keys().isdisjoint({"script-src", "style-src", "connect-src", "img-src"})
    assert answer.headers["x-content-type-options"] == "nosniff"
    for file in STATIC.iterdir():
        assert httpx.get(f"{url}/static/{file.name}").content == file.read_bytes()
    assert httpx.get(f"{url}/static/../app.py").status_code == 404
    assert httpx.get(f"{url}/static/%2e%2e/app.py").status_code == 404
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    assert (
        page.evaluate(
            """() => {
          try { document.body.innerHTML = "<p>x</p>"; } catch (error) { return error.name; }
        }"""
        )
        == "TypeError"
    )
    violated = page.evaluate(
        """() => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (violation) => {
            resolve(violation.effectiveDirective);
          });
          const image = document.createElement("img");
          image.src = "http://127.0.0.1:9/x.png";
          document.body.append(image);
        })"""
    )
    assert violated == "img-src"
    context.close()


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map((it) => {
      const part = it / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let it = element; it; it = it.parentElement) {
      const color = read(getComputedStyle(it).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const contrast = (one, other) => {
    const [most, least] = [light(one), light(other)].sort((a, b) => b - a);
    return (most + 0.05) / (least + 0.05);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    if (!box.width || !box.height || element.closest("[hidden], noscript, option")) continue;
    const style = getComputedStyle(element);
    const name = `${element.tagName} ${element.id} ${element.getAttribute("class") ?? ""}`;
    const has_text = [...element.childNodes].some((it) => it.nodeType === 3 && it.data.trim());
    if (has_text) {
      const color = element instanceof SVGElement ? style.fill : style.color;
      found.push([name, contrast(read(color), behind(element)), 4.5]);
    }
    if (/^(SELECT|INPUT)$/.test(element.tagName) && element.type !== "checkbox") {
      found.push([name, contrast(read(style.borderTopColor), behind(element.parentElement)), 3]);
    }
    if (element.matches("rect.bar")) {
      found.push([name, contrast(read(style.fill), behind(element)), 3]);
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def guarded(world: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a token."""
    tokens = write_tokens(tmp_path_factory.mktemp("tokens") / "tokens.json", TOKENS)
    with serve(world.path, "--tokens", tokens) as server:
        yield server


@pytest.mark.parametrize(
    ("state", "fragment", "status"),
    [
        ("figures", f"#department={CREDITED}", 200),
        ("problem", "#from=x", 400),
        ("token-form", "", 401),
    ],
)
def test_light_and_dark_can_be_read(
    browser: Browser, url: str, guarded: Server, state: str, fragment: str, status: int
) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        address = guarded.url if status == 401 else url
        with visit(browser, address, status, color_scheme=scheme) as seen:
            page = seen.go(fragment)
            expect(page.locator(f"#{state}")).to_be_visible()
            if state == "figures":
                open_lists(page)
            measured = page.evaluate(CONTRASTS)
            assert len(measured) > 5
            assert [it for it in measured if it[1] < it[2]] == []
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser: Browser, url: str, scheme: Any) -> None:
    axe = Axe()
    # what is still fading in has no colour of its own yet
    options: dict[str, Any] = {"color_scheme": scheme, "reduced_motion": "reduce"}
    with visit(browser, url, 400, bypass_csp=True, **options) as seen:
        page = seen.go(f"#department={CREDITED}&from=2026-08-20&to=2026-08-31")
        found = [axe.run(page, options=AXE)]
        open_lists(page)
        found.append(axe.run(page, options=AXE))
        page.locator("#charges button.pick").first.click()
        found.append(axe.run(page, options=AXE))
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 360, "height": 800})
        found.append(axe.run(page, options=AXE))
        seen.go("#model=nobody's")
        found.append(axe.run(page, options=AXE))
        seen.go("#from=x")
        found.append(axe.run(page, options=AXE))
    assert [it.generate_report() for it in found if it.violations_count] == []


def test_axe_finds_nothing_where_a_token_is_needed(browser: Browser, guarded: Server) -> None:
    with visit(browser, guarded.url, 401, bypass_csp=True) as seen:
        result = Axe().run(seen.go(), options=AXE)
    assert result.violations_count == 0, result.generate_report()


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1920])
def test_no_width_cuts_off_the_page(browser: Browser, url: str, width: int) -> None:
    with visit(browser, url, viewport={"width": width, "height": 800}) as seen:
        page = seen.go()
        open_lists(page)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        chart = page.locator(".chart").first.bounding_box()
        assert chart is not None
        assert chart["x"] + chart["width"] <= width


def test_who_wants_no_motion_gets_none(browser: Browser, url: str) -> None:
    durations = []
    for motion in ("reduce", "no-preference"):
        with visit(browser, url, reduced_motion=motion) as seen:
            page = seen.go()
            durations.append(
                page.evaluate(
                    """() => [...document.querySelectorAll("*")]
                      .flatMap((it) => [getComputedStyle(it), getComputedStyle(it, "::before")])
                      .flatMap((it) => [it.transitionDuration, it.animationDuration])
                      .some((it) => it.split(",").some((part) => parseFloat(part) > 0))"""
                )
            )
    assert durations == [False, True]


def test_two_tenants_see_their_own_figures_alone(
    browser: Browser, world: Home, guarded: Server, tmp_path: Path
) -> None:
    with visit(browser, guarded.url, 401, 403) as seen:
        page = seen.go()
        expect(page.locator("#token-form")).to_be_visible()
        # a sentence for people
        expect(page.locator("#token-problem")).to_have_text(
            "Only who has a token sees the figures."
        )
        assert not page.locator("#figures").is_visible()
        assert page.evaluate("document.activeElement.id") == "token"
        for text, reason in (("wrong", "not known"), ("für", ""), ("\u20ac", "")):
            page.keyboard.type(text)
            page.keyboard.press("Enter")
            expect(page.locator("#token-problem")).not_to_contain_text("Only who has")
            expect(page.locator("#token-problem")).to_contain_text(reason)
            seen.settle()
            expect(page.locator("#token")).to_be_focused()
        secrets = set()
        for name, other in (("acme", "globex"), ("globex", "acme")):
            page.locator("#token").fill(f"{name}-token")
            page.keyboard.press("Enter")
            expect(page.locator("#figures")).to_be_visible()
            seen.settle()
            condition = f"BillingAccountId = 'org-{name}'"
            expected = sql(
                world, f"BillingCurrency, {text_of('BilledCost')}", condition, "group by 1"
            )
            assert [
                (it.get_attribute("data-total"), it.locator("data").get_attribute("value"))
                for it in page.locator("[data-total]").all()
            ] == sorted(expected)
            page.get_by_label("Cost", exact=True).select_option(label="List cost")
            page.wait_for_url(re.compile("cost=ListCost"))
            seen.settle()
            open_lists(page)
            departments = {row[0] for row in amounts(page.locator("#by-department tbody tr"), 2)}
            assert departments == {
                row[0]
                for row in sql(
                    world, "distinct coalesce(SubAccountName, 'No department')", condition
                )
            }
            # what can be chosen is within the scope too
            offered = page.locator("#department option").all_inner_texts()
            assert set(offered) == {"All", *departments}
            with page.expect_download() as downloading:
                page.locator("#order").click()
            file = tmp_path / f"{name}.csv"
            downloading.value.save_as(file)
            with file.open(encoding="utf-8") as opened:
                accounts = {row["BillingAccountId"] for row in csv.DictReader(opened)}
            assert accounts == {f"org-{name}"}
            assert f"org-{other}" not in page.content()
            secrets.add(f"{name}-token")
            assert page.evaluate("Object.values({ ...sessionStorage })") == [f"{name}-token"]
            page.get_by_role("button", name="Forget the token").click()
            expect(page.locator("#token-form")).to_be_visible()
            page.go_back()
            expect(page.locator("#token-form")).to_be_visible()
            assert "Engineering" not in page.content()
            assert page.evaluate("Object.values({ ...sessionStorage })") == []
            assert page.locator("#by-department tr").count() == 0
        page.locator("#token").fill("commitments-token")
        page.keyboard.press("Enter")
        expect(page.locator("#problem")).to_contain_text(
            "does not reach the dataset cost-and-usage"
        )
        # one reason at a time
        expect(page.locator("#token-form")).not_to_be_visible()
        assert page.evaluate("Object.keys(localStorage).length + document.cookie.length") == 0
        log = guarded.log.read_text()
        for secret in secrets:
            assert secret not in log
            assert not any(secret in it for it in seen.requests)


def test_a_list_of_the_largest_says_so(browser: Browser, url: str) -> None:
    def cut(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "truncated": True})

    with visit(browser, url) as seen:
        seen.page.route("**/api/spend?*groupBy=subAccountId*", cut)
        page = seen.go()
        options = page.locator("#department option")
        note = options.nth(1)
        expect(note).to_have_text(f"The {options.count() - 2} largest, not all:")
        assert note.is_disabled()
        assert page.locator("#model option:disabled").count() == 0


def test_a_downloaded_csv_runs_no_formula_unless_that_is_wanted(
    seen: Visit, tmp_path: Path
) -> None:
    page = seen.go(f"#department={quote(FORMULA)}")
    expect(page.get_by_label("Safe for spreadsheets")).to_be_checked()
    for expected in (f"'{FORMULA}", FORMULA):
        with page.expect_download() as downloading:
            page.locator("#order").click()
        file = tmp_path / "charges.csv"
        downloading.value.save_as(file)
        with file.open(encoding="utf-8") as opened:
            assert {row["SubAccountId"] for row in csv.DictReader(opened)} == {expected}
        expect(page.locator("#order")).to_have_attribute("aria-disabled", "false")
        page.get_by_label("Safe for spreadsheets").uncheck()
    page.get_by_label("Format").select_option("parquet")
    expect(page.get_by_label("Safe for spreadsheets")).not_to_be_visible()


def test_the_disk_keeps_nothing_of_what_is_shown(browser: Browser, url: str) -> None:
    with visit(browser, url) as seen:
        asked: list[Request] = []
        seen.page.on("request", lambda request: asked.append(request))
        seen.go()
        data = [it.all_headers() for it in asked if "/api/" in it.url]
        # what the browser may not keep it asks for past all caches
        assert data and {it.get("cache-control") for it in data} == {"no-cache"}


def test_nothing_that_fits_is_said(seen: Visit) -> None:
    page = seen.go("#model=nobody's")
    expect(page.locator("#totals")).to_have_text("No charges fit these filters.")
    expect(page.locator("#charges")).to_have_text("No charges fit these filters.")
    expect(page.locator("#order")).to_have_attribute("aria-disabled", "true")
    # the calls without a price are told all the same
    expect(page.locator("#coverage")).to_contain_text("model not in the price book")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#order")).to_have_text(re.compile(r"^Download \d,\d{3} rows$"))


def test_what_is_not_valid_is_said(browser: Browser, url: str) -> None:
    with visit(browser, url, 400) as seen:
        page = seen.go("#from=soon")
        expect(page.locator("#problem")).to_contain_text("chargePeriodStart: write a date")
        assert not page.locator("#figures").is_visible()
        seen.go("#from=2026-10-02&to=2026-10-01")
        expect(page.locator("#problem")).to_contain_text("ends before it begins")
        page.locator("#to").fill("2026-10-02")
        page.keyboard.press("Enter")
        expect(page.locator("#figures")).to_be_visible()
        assert not page.locator("#problem").is_visible()


def test_without_a_build_and_without_a_server_it_says_so(
    browser: Browser, demo_home: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with serve(home) as server, visit(browser, server.url, 503) as seen:
        page = seen.go()
        expect(page.locator("#problem")).to_contain_text("focus-export build")
        source = copy_home(demo_home, tmp_path / "source")
        shutil.move(source.builds, home / "builds")
        source.database.rename(home / "ai_focus.duckdb")
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#figures")).to_be_visible()
        expect(page.locator("#build")).to_contain_text("built 20")
        server.stop()
        page.locator("#next").click()
        expect(page.locator("#charges-problem")).to_have_text(
            re.compile("The server can't be reached.")
        )
        # the figures stay while the way is only interrupted
        assert page.locator("#figures").is_visible()
        page.get_by_label("Provider", exact=True).select_option(label="OpenAI")
        expect(page.locator("#problem")).to_contain_text("can't be reached")
        assert not page.locator("#figures").is_visible()
        refused = [it for it in seen.complaints if "ERR_CONNECTION_REFUSED" in it]
        assert refused
        seen.complaints[:] = [it for it in seen.complaints if it not in refused]


def test_pages_go_on_while_a_build_is_published(
    browser: Browser, demo_home: Path, tmp_path: Path
) -> None:
    home = copy_home(demo_home, tmp_path / "home")
    seed = copy_home(demo_home, tmp_path / "seed")
    old = home.database.resolve().parent
    order = "order by ChargePeriodStart, x_ChargeId limit 75"
    expected = [
        row[0] for row in rows_of(home.database, f"select x_ChargeId from {RELATION} {order}")
    ]

    def read(page: Page) -> list[str]:
        return [key.removeprefix("charge:") for key in keys_of(page, "#charges [data-key]")]

    with serve(home.path) as server, visit(browser, server.url, 410) as seen:
        page = seen.go()
        found = read(page)
        publish(home, "20300101T000000000000Z", seed, 60)
        for place in ("26 to 50", "51 to 75"):
            page.locator("#next").click()
            expect(page.locator("#place")).to_have_text(re.compile(f"^{place} of"))
            expect(page.locator("#newer")).to_contain_text("newer data of 2026-11-01 00:00 UTC")
            found += read(page)
        # the pages go on in the build that they began with
        assert found == expected
        assert "9,916 charges" in read_status(page)
        page.get_by_role("button", name="Show the newer").click()
        expect(page.locator("#status")).to_contain_text("in 60 charges")
        assert not page.locator("#newer").is_visible()
        expect(page.locator("#place")).to_have_text("1 to 25 of 60")
        # a build that is gone ends its pages
        server.stop()
        publish(home, "20300102T000000000000Z", seed, 40)
        shutil.rmtree(home.builds / "20300101T000000000000Z")
        shutil.rmtree(old)
        with serve(home.path, port=server.port):
            page.locator("#next").click()
            expect(page.locator("#charges-problem")).to_contain_text("no longer there")
            page.get_by_role("button", name="Start again").click()
            expect(page.locator("#place")).to_have_text("1 to 25 of 40")
            assert not page.locator("#charges-problem").is_visible()


def test_an_ordered_file_can_be_cancelled(browser: Browser, world: Home, tmp_path: Path) -> None:
    home = copy_home(world.path, tmp_path / "home")
    with (
        serve(home.path, variables={"AI_FOCUS_JOB_WORKERS": "1"}) as server,
        visit(browser, server.url) as seen,
    ):
        page = seen.go()
        for _ in range(8):
            httpx.post(f"{server.url}/api/spend/export", json={"format": "parquet"})
        with page.expect_response("**/api/spend/export") as ordering:
            page.locator("#order").click()
        job = ordering.value.json()["jobId"]
        expect(page.locator("#download-status")).to_contain_text("waits for its turn")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("#download-status")).to_have_text("Cancelled.")
        route = f"{server.url}/focus/v1/cost-and-usage/export/{job}"
        wait_until(lambda: httpx.get(route).json()["state"] == "cancelled", page)
        expect(page.locator("#order")).to_have_attribute("aria-disabled", "false")


def test_the_page_needs_no_token_but_its_data_do(guarded: Server) -> None:
    for path in ("/", "/static/page.js"):
        assert httpx.get(f"{guarded.url}{path}").status_code == 200
    for path in ("/api/spend", "/api/spend/charges"):
        assert httpx.get(f"{guarded.url}{path}").status_code == 401
        assert httpx.get(f"{guarded.url}{path}", headers=bearer("acme")).status_code == 200
    assert httpx.post(f"{guarded.url}/api/spend/export", json={}).status_code == 401


def test_the_picture_of_the_readme_shows_this_page(browser: Browser, demo_home: Path) -> None:
    """With AI_FOCUS_TEST_PICTURE=1 the picture is made anew."""
    look = {"color_scheme": "light", "reduced_motion": "reduce"}
    size = {"width": 1280, "height": 900}
    with serve(demo_home) as server, visit(browser, server.url, viewport=size, **look) as seen:
        page = seen.go()
        shown = page.evaluate(
            """() => ["h1", "#status", "#totals", "#coverage", "#time figcaption"]
              .map((it) => document.querySelector(it).innerText).join("\\n")"""
        )
        box = page.locator("section", has=page.locator("#time")).bounding_box()
        assert box is not None
        if os.environ.get("AI_FOCUS_TEST_PICTURE"):
            clip = {"x": 0, "y": 0, "width": size["width"], "height": box["y"] + box["height"] + 16}
            picture = with_text(page.screenshot(clip=clip), shown)
            PICTURE.parent.mkdir(exist_ok=True)
            PICTURE.write_bytes(picture)
    picture = PICTURE.read_bytes()
    assert text_in(picture) == shown
    assert size_of(picture)[0] == size["width"]
    assert len(picture) < 100_000
    assert f"](docs/images/{PICTURE.name})" in (ROOT / "README.md").read_text(encoding="utf-8")
