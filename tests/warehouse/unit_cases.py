"""The project's unit tests as dbt compiles them for a target, without a connection.

    python unit_cases.py snowflake cases.json

dbt would write the given rows into the statement, for which it asks the warehouse for columns. Here
the inputs stay names, so that the statement is the model's own, with the test's overrides.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class UnitCase:
    """One unit test: the rows of each input by its name, and the rows that the model must give."""

    name: str
    model: str
    given: dict[str, list[dict[str, Any]]] = field(repr=False)
    expected: list[dict[str, Any]] = field(repr=False)
    sql: str = field(repr=False)


def compile_unit_tests(target: str) -> list[UnitCase]:
    """Compile every unit test of the project with dbt's own loader, in this process."""
    from dbt.adapters.factory import get_adapter, register_adapter
    from dbt.cli.main import dbtRunner
    from dbt.compilation import Compiler
    from dbt.config.runtime import RuntimeConfig
    from dbt.context.providers import generate_runtime_macro_context
    from dbt.mp_context import get_mp_context
    from dbt.parser.unit_tests import UnitTestManifestLoader

    parsed = dbtRunner().invoke(["--quiet", "--no-write-json", "parse", "--target", target])
    assert parsed.success, parsed.exception
    manifest: Any = parsed.result
    config = RuntimeConfig.from_args(
        argparse.Namespace(
            project_dir=str(ROOT),
            profiles_dir=os.environ["DBT_PROFILES_DIR"],
            target=target,
            profile=None,
            vars={},
            threads=1,
            which="compile",
        )
    )
    register_adapter(config, get_mp_context())
    adapter = get_adapter(config)
    adapter.set_macro_context_generator(generate_runtime_macro_context)
    adapter.set_macro_resolver(manifest)
    compiler = Compiler(config)
    cases = []
    for key, test in manifest.unit_tests.items():
        loaded = UnitTestManifestLoader(manifest, config, {key}).load()
        inputs = {one: node for one, node in loaded.nodes.items() if one != key}
        for node in inputs.values():
            # dbt would put an ephemeral input's rows before the statement
            node.config.materialized = "table"
        sql = compiler.compile_node(loaded.nodes[key], loaded, {}, write=False).compiled_code
        rows = [given.rows for given in test.given]
        given = dict(zip((node.alias for node in inputs.values()), rows, strict=True))
        cases.append(UnitCase(test.name, test.model, given, test.expect.rows, sql))
    return cases


if __name__ == "__main__":
    found = [asdict(case) for case in compile_unit_tests(sys.argv[1])]
    Path(sys.argv[2]).write_text(json.dumps(found, default=str), encoding="utf-8")
