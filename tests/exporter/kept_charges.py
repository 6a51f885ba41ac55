"""Builds whose priced usage is kept from one to the next, as on a warehouse, in one process.

The models before int_usage_priced run as in `Pipeline`; int_usage_priced is materialised by dbt.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dbt import selected_resources
from pipeline import Pipeline, Rewrite
from priced_calls import completed, litellm_rows, write_csv, write_raw

PRICED = "int_usage_priced"
RATE_COLUMNS = ["rate_date", "from_currency", "to_currency", "rate", "source", "recorded_at"]
ACCOUNT_COLUMNS = ["billing_account_id", "billing_account_name", "billing_currency"]


class KeptCharges(Pipeline):
    """A raw folder and a database that is built again and again, where priced usage is kept."""

    def __init__(self, raw: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
        incremental: dict[str, object] = {"charges_materialization": "incremental"}
        super().__init__(raw, folder, incremental, select=[f"+{PRICED}"])
        self.upstream = self._models_of_priced_usage()
        self._leave_out_what_charges_do_not_read()
        names = {self.manifest.nodes[key].alias for key in self.upstream} - {PRICED}
        self.order = [name for name in self.order if name in names]

        # of what was built once for a key: what the raw folder held
        self._read_for: dict[str, dict[Path, str]] = {}
        self.selected: list[str] | None = None
        patch.setattr(selected_resources, "set_selected_resources", self._select)

    def _leave_out_what_charges_do_not_read(self) -> None:
        """Give dbt a small manifest: each run goes through all of it several times."""
        nodes = self.manifest.nodes
        read = {parent for key in self.upstream for parent in nodes[key].depends_on.nodes}
        small = copy.copy(self.manifest)
        small.nodes = {
            key: node
            for key, node in nodes.items()
            if key in self.upstream | read or key.startswith("operation.")
        }
        small.unit_tests, small.exposures = {}, {}
        self.whole_manifest, self.manifest = self.manifest, small

    def _select(self, _: object) -> None:
        # the pipeline runs what dbt has not selected
        chosen = self.selected or list(self.manifest.nodes)
        selected_resources.SELECTED_RESOURCES = chosen

    def _models_of_priced_usage(self) -> set[str]:
        found, waiting = set(), [f"model.ai_focus.{PRICED}"]
        while waiting:
            key = waiting.pop()
            if key not in found and key.startswith("model."):
                found.add(key)
                waiting += self.manifest.nodes[key].depends_on.nodes
        return found

    def build(
        self,
        *arguments: str,
        rewrites: dict[str, Rewrite] | None = None,
        manifest: Any = None,
        fails: bool = False,
    ) -> str:
        """Run the models and materialise int_usage_priced; give what dbt says of it."""
        self.run(rewrites)
        self.connection.close()
        try:
            command = ("run", "--select", PRICED, "--no-write-json", *arguments)
            outcome = self.dbt(*command, manifest=manifest or self.manifest)
        finally:
            self.connect()
        # the first is of a hook
        results = [result for result in outcome.result.results if result.node.name == PRICED]
        assert outcome.success is not fails, outcome.exception or results[0].message
        return str(results[0].message)

    def start(self, key: str) -> None:
        """Make everything anew; what a key stands for is built once, and later copied."""
        kept = self.folder / f"{key}.duckdb"
        if not kept.exists():
            self.build("--full-refresh")
            assert not self.differences()
            self.close()
            shutil.copy(self.database, kept)
            self._read_for[key] = self.read
        self.close()
        shutil.copy(kept, self.database)
        self.stale, self.read = set(), self._read_for[key]
        self.connect()

    def differences(self) -> list[tuple]:
        """Give the rows that the table has and a full refresh has not, and the other way round."""
        _, query = self.models[PRICED]
        self.connection.execute(f"create or replace temp table full_refresh as {query}")
        return self.rows(
            f"""
            (select 'too much', * from (from {PRICED} except all from full_refresh))
            union all
            (select 'missing', * from (from full_refresh except all from {PRICED}))
            """
        )

    def months(self) -> list[str]:
        """Give the billing periods that have priced usage, as YYYY-MM."""
        query = f"select distinct strftime(booked_in, '%Y-%m') from {PRICED} order by 1"
        return [month for (month,) in self.rows(query)]


def with_macro(manifest: Any, name: str, old: str, new: str) -> Any:
    """Give a manifest that has another text in one of the project's macros, and shares the rest."""
    key = f"macro.ai_focus.{name}"
    macro = manifest.macros[key]
    assert old in macro.macro_sql, f"{key} has no '{old}'"
    changed = copy.copy(manifest)
    changed.macros = {**manifest.macros, key: copy.copy(macro)}
    changed.macros[key].macro_sql = macro.macro_sql.replace(old, new)
    return changed


def kept_build(folder: Path) -> Iterator[KeptCharges]:
    """Make a raw folder with one call and the build of it, for a fixture to yield."""
    raw = folder / "raw"
    call = {"call_id": "1", "provider": "openai", "model": "gpt-5", "started_at": "2026-10-01"}
    rows = completed([{**call, "latency_ms": "1", "prompt_tokens": "1", "completion_tokens": "1"}])
    write_raw(raw, rows, litellm_rows([]), [])
    write_csv(raw / "exchange_rates" / "rates.csv", RATE_COLUMNS, [])
    write_csv(raw / "billing_accounts" / "accounts.csv", ACCOUNT_COLUMNS, [])
    with pytest.MonkeyPatch.context() as patch:
        made = KeptCharges(raw, folder / "build", patch)
        yield made
        made.close()
