"""Headless Chromium for the tests of the page: what it asks for, complains of and shows."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
TIMEOUT = 15_000
expect.set_options(timeout=TIMEOUT)


def find_chromium() -> str:
    """Find the browser; without one the test is skipped, but in CI it fails."""
    found = os.environ.get("AI_FOCUS_CHROMIUM") or next(
        filter(None, map(shutil.which, NAMES)), None
    )
    if found is not None:
        return found
    message = (
        "The page is not tried: there is no Chromium. Run `apt-get install chromium`, or name one"
        " in AI_FOCUS_CHROMIUM."
    )
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextlib.contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser; no name but this machine's leads anywhere."""
    executable = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
        )
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Visit:
    """A page and everything that it asked for and complained of."""

    page: Page
    url: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, fragment: str = "") -> Page:
        """Open a view, and wait until it is there."""
        self.page.goto(f"{self.url}/{fragment}")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until the figures of the view, or what stands in their place, are shown."""
        self.page.wait_for_function(
            """() => {
              const is_shown = (id) => !document.getElementById(id).hidden;
              const figures = document.getElementById("figures");
              const status = document.getElementById("status").textContent;
              return !status.startsWith("Loading") && !figures.hasAttribute("aria-busy")
                && (is_shown("figures") || is_shown("problem") || is_shown("token-form"));
            }"""
        )


@contextlib.contextmanager
def visit(
    browser: Browser, url: str, *statuses: int, bypass_csp: bool = False, **options: Any
) -> Iterator[Visit]:
    """Open a page in a context of its own.

    At the end it must have asked nobody but the server and have complained of nothing, save for
    answers with one of the statuses.
    """
    context = browser.new_context(
        viewport=options.pop("viewport", {"width": 1280, "height": 900}),
        bypass_csp=bypass_csp,
        **options,
    )
    context.set_default_timeout(TIMEOUT)
    visited = Visit(context.new_page(), url)
    context.on("request", lambda request: visited.requests.append(request.url))
    context.on("console", lambda message: visited.complaints.append(message.text))
    context.on("weberror", lambda error: visited.complaints.append(str(error.error)))
    try:
        yield visited
        elsewhere = [it for it in visited.requests if not it.startswith(f"{url}/")]
        assert elsewhere == [], elsewhere
        expected = tuple(f"with a status of {status} " for status in statuses)
        complaints = [
            it for it in visited.complaints if not any(status in it for status in expected)
        ]
        assert complaints == [], complaints
    finally:
        context.close()


def tab_to(page: Page, target: Locator, most: int = 150) -> None:
    """Press Tab until the target has the keyboard."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {target}")


def amounts(rows: Locator, column: int) -> list[tuple[str, str]]:
    """Give of each row of a table its first cell's text and a column's exact value."""
    found: list[list[str]] = rows.evaluate_all(
        """(rows, column) => rows.map((row) => [
          row.cells[0].innerText.trim(),
          row.cells[column].querySelector("data")?.value ?? row.cells[column].innerText.trim(),
        ])""",
        column,
    )
    return [(name, value) for name, value in found]


def wait_until(check: Callable[[], bool], page: Page) -> None:
    """Wait for something that is no part of the page."""
    for _ in range(300):
        if check():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not come about")


__all__ = ["Visit", "amounts", "expect", "open_browser", "tab_to", "visit", "wait_until"]
