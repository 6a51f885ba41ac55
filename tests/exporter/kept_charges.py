"""Builds whose charges are kept from one to the next, as they are on a warehouse, in one process.

The models before int_charges run as in `Pipeline`; int_charges itself is materialised by dbt.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ROOT
from dbt import selected_resources
from dbt.cli.main import dbtRunner
from pipeline import Pipeline, Rewrite
from priced_calls import completed, litellm_rows, write_csv, write_raw

CHARGES = "int_charges"
RATE_COLUMNS = ["rate_date", "from_currency", "to_currency", "rate", "source", "recorded_at"]
ACCOUNT_COLUMNS = ["billing_account_id", "billing_account_name", "billing_currency"]
# what a full refresh would put into the table
FULL_REFRESH = "select * from int_usage_charges union all select * from int_usage_corrections"


class KeptCharges(Pipeline):
    """A raw folder and a database that is built again and again, with int_charges incremental."""

    def __init__(self, raw: Path, folder: Path, patch: pytest.MonkeyPatch) -> None:
        incremental: dict[str, object] = {"charges_materialization": "incremental"}
        super().__init__(raw, folder, incremental, select=f"+{CHARGES}")
        self.database = folder / "ai_focus.duckdb"
        patch.setenv("AI_FOCUS_DATABASE", str(self.database))
        patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
        patch.setenv("DBT_LOG_PATH", str(folder / "logs"))
        self.project = ["--project-dir", str(ROOT), "--profiles-dir", str(ROOT)]
        self._arguments = [*self.project, "--vars", json.dumps(self.variables)]
        parsed = dbtRunner().invoke(["--quiet", "parse", *self._arguments])
        assert parsed.success, parsed.exception
        self.manifest: Any = parsed.result
        self.upstream = self._models_of_charges()
        names = {self.manifest.nodes[key].alias for key in self.upstream} - {CHARGES}
        self.order = [name for name in self.order if name in names]

        self.selected: list[str] | None = None
        patch.setattr(selected_resources, "set_selected_resources", self._select)

    def _select(self, _: object) -> None:
        # the pipeline runs what dbt has not selected
        chosen = self.selected or list(self.manifest.nodes)
        selected_resources.SELECTED_RESOURCES = chosen

    def connect(self) -> None:
        """Open the database again, which dbt needs for itself."""
        self.connection = duckdb.connect(str(self.database))
        self.connection.execute("set TimeZone = 'UTC'")
        self.connection.execute("set threads = 2")

    def _models_of_charges(self) -> set[str]:
        found, waiting = set(), [f"model.ai_focus.{CHARGES}"]
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
        """Run the models and materialise int_charges; give what dbt says of it."""
        self.run(rewrites)
        self.connection.close()
        try:
            runner = dbtRunner(manifest=manifest or self.manifest)
            command = ["--quiet", "run", "--select", CHARGES, "--no-write-json", *arguments]
            outcome = runner.invoke([*command, *self._arguments])
        finally:
            self.connect()
        # the first is of a hook
        results = [result for result in outcome.result.results if result.node.name == CHARGES]
        assert outcome.success is not fails, outcome.exception or results[0].message
        return str(results[0].message)

    def differences(self) -> list[tuple]:
        """Give the rows that the table has and a full refresh has not, and the other way round."""
        return self.rows(
            f"""
            (select 'too much', * from (from int_charges except all ({FULL_REFRESH})))
            union all
            (select 'missing', * from (({FULL_REFRESH}) except all from int_charges))
            """
        )

    def months(self) -> list[str]:
        """Give the billing periods that have charges, as YYYY-MM."""
        query = f"select distinct strftime(billing_period_start, '%Y-%m') from {CHARGES} order by 1"
        return [month for (month,) in self.rows(query)]

    @contextmanager
    def mutated(self, macro: str, old: str, new: str) -> Iterator[Any]:
        """Give the manifest with another text in a macro."""
        manifest = copy.deepcopy(self.manifest)
        node = manifest.macros[f"macro.ai_focus.{macro}"]
        assert old in node.macro_sql, f"{macro} has no '{old}'"
        node.macro_sql = node.macro_sql.replace(old, new)
        yield manifest


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
