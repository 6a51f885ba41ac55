"""Shows how far dbt is: a bar on a terminal, plain lines elsewhere; always on standard error."""

from __future__ import annotations

import shutil
import sys
import time

import click

BAR_WIDTH = 30
PLAIN_STEPS = 10


class Progress:
    """Counts finished nodes; `quiet` shows nothing, `verbose` one line per node."""

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        """Start the clock."""
        self._quiet = quiet
        self._verbose = verbose
        self._is_terminal = sys.stderr.isatty()
        self._started = time.monotonic()
        self._nodes = 0
        self._done = 0
        self._step = 0
        self._has_bar = False

    def phase(self, text: str) -> None:
        """Say what begins now."""
        if not self._quiet:
            self._line(f"{text} ...")

    def plan(self, nodes: int) -> None:
        """Learn how many nodes there are."""
        self._nodes = nodes
        if not self._quiet:
            self._line(f"building and testing {nodes} nodes ...")

    def node(self, name: str, kind: str, status: str) -> None:
        """Count a finished node."""
        self._done += 1
        if self._quiet:
            return
        if self._verbose or status in ("error", "fail"):
            self._line(f"{kind} {name}: {status}")
        if self._is_terminal:
            self._bar(name)
            return
        step = self._done * PLAIN_STEPS // max(self._nodes, 1)
        if step > self._step:
            self._step = step
            seconds = time.monotonic() - self._started
            self._line(f"{self._done} of {self._nodes} nodes, {seconds:.0f} s")

    def close(self) -> None:
        """Take the bar away."""
        self._clear()

    def _bar(self, name: str) -> None:
        filled = BAR_WIDTH * self._done // max(self._nodes, self._done, 1)
        text = f"[{'#' * filled}{'-' * (BAR_WIDTH - filled)}] {self._done}/{self._nodes} {name}"
        width = shutil.get_terminal_size().columns - 1
        click.echo(f"\r\x1b[K{text[:width]}", err=True, nl=False)
        self._has_bar = True

    def _line(self, text: str) -> None:
        self._clear()
        click.echo(text, err=True)

    def _clear(self) -> None:
        if self._has_bar:
            click.echo("\r\x1b[K", err=True, nl=False)
            self._has_bar = False
