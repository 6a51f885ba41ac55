"""One emulator a target, and on it one demo that dbt built, for all suites that need them.

A target's suites share them in one process: `pytest -k snowflake` and `-k "not snowflake"` can run
beside each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from builds import Engines
from emulator_builds import build_demo
from shared import WHOLE, pytest_configure, pytest_unconfigure, skip_second_proofs
from wrapper import Emulated, emulate

__all__ = ["pytest_configure", "pytest_unconfigure"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave `of_any_target` to one emulator, the faster, unless everything is to run."""
    skip_second_proofs(items)
    if WHOLE in os.environ:
        return
    reason = f"no other on BigQuery than on Snowflake's emulator: {WHOLE} is not set"
    for item in items:
        if item.get_closest_marker("of_any_target") and "bigquery" in item.name:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session", params=["snowflake", "bigquery"])
def emulated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulated]:
    with emulate(request.param, tmp_path_factory.mktemp(request.param)) as server:
        yield server


@pytest.fixture(scope="session")
def home_of_tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home for load and doctor, in which dbt finds what it has read of the project."""
    return tmp_path_factory.mktemp("tools")


@pytest.fixture(scope="session")
def demo(emulated: Emulated, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    """The demo as dbt built it on the emulator, in a schema of that name."""
    engines = Engines(emulated, "demo", tmp_path_factory.mktemp("demo"))
    build_demo(engines)
    return engines
