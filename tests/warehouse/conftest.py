"""One emulator a target, and on it one demo that dbt built, for all suites that need them.

A target's suites share them in one process: `pytest -k snowflake` and `-k "not snowflake"` can run
beside each other.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from builds import Engines
from emulator_builds import build_demo
from shared import pytest_configure, pytest_unconfigure
from wrapper import Emulated, emulate

__all__ = ["pytest_configure", "pytest_unconfigure"]


@pytest.fixture(scope="session", params=["snowflake", "bigquery"])
def emulated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulated]:
    with emulate(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(scope="session")
def demo(emulated: Emulated, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """The demo as dbt built it on the emulator, in a schema of that name."""
    engines = Engines(emulated, "demo", tmp_path_factory.mktemp("demo"))
    build_demo(engines)
    return engines
