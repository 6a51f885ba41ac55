"""Builds from source tables have DuckDB's rows on both warehouses: first, again, and late."""

from __future__ import annotations

import pytest
from builds import Engines
from emulator_builds import build_sources
from wrapper import Emulated


def test_source_tables_give_the_same_rows_first_again_and_late(
    emulated: Emulated, tmp_path_factory: pytest.TempPathFactory
) -> None:
    build_sources(Engines(emulated, "sources", tmp_path_factory.mktemp("sources")))
