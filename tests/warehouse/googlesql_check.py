"""Checks compiled SQL with GoogleSQL's own analyzer, the front end of BigQuery's dialect.

An emulator runs what DuckDB understands; this one refuses what BigQuery refuses: types that don't
match, unknown functions, ambiguous names, a bare UNION. Models are read in their order, and the
columns and types of each are those that the analyzer found in it, so that nothing is assumed.
Two rules of BigQuery's execution come on top: an outer join needs an equality of its two sides, and
views may be nested 16 deep.

    python googlesql_check.py TARGET_FOLDER...

A TARGET_FOLDER is dbt's, after `dbt compile` or `dbt build` for the target bigquery. It needs the
packages of requirements-bigquery.txt.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google._upb._message import SetAllowOversizeProtos
from zetasql.api import Analyzer, CatalogBuilder, TableBuilder
from zetasql.core.exceptions import ZetaSQLError
from zetasql.types import (
    AnalyzerOptions,
    LanguageOptions,
    ProductMode,
    ResolvedColumnRef,
    ResolvedFunctionCall,
    ResolvedJoinScan,
    ResolvedNode,
    ResolvedStatement,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
)

# A rule check has hundreds of conditions, one inside the other.
SetAllowOversizeProtos(True)
sys.setrecursionlimit(20_000)

MOST_NESTED_VIEWS = 16

#: The types that a column of the project may have. FLOAT64 is not among them: money is exact.
COLUMN_TYPES = {
    "string": TypeKind.TYPE_STRING,
    "int64": TypeKind.TYPE_INT64,
    "bignumeric": TypeKind.TYPE_BIGNUMERIC,
    "bool": TypeKind.TYPE_BOOL,
    "boolean": TypeKind.TYPE_BOOL,
    "timestamp": TypeKind.TYPE_TIMESTAMP,
    "date": TypeKind.TYPE_DATE,
}

#: The catalogue view that the rule check asks, as BigQuery has it.
INFORMATION_SCHEMA_COLUMNS = {
    "table_name": TypeKind.TYPE_STRING,
    "column_name": TypeKind.TYPE_STRING,
    "ordinal_position": TypeKind.TYPE_INT64,
    "data_type": TypeKind.TYPE_STRING,
}

Columns = dict[str, TypeKind]


@dataclass
class Report:
    """What was read, and every fault as one line."""

    statements: int = 0
    deepest: int = 0
    columns: dict[str, Columns] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def language() -> LanguageOptions:
    """The dialect as BigQuery offers it: the external product, QUALIFY reserved."""
    options = LanguageOptions.maximum_features()
    options.product_mode = ProductMode.PRODUCT_EXTERNAL
    options.reserved_keywords = ["QUALIFY"]
    return options


def nodes_of(node: Any) -> Iterator[ResolvedNode]:
    """Every node of a resolved statement, the given one first."""
    if isinstance(node, ResolvedNode):
        yield node
    if isinstance(node, list):
        for item in node:
            yield from nodes_of(item)
    elif hasattr(node, "to_proto") and not isinstance(node, type):
        for name in vars(node):
            if not name.startswith("_"):
                yield from nodes_of(getattr(node, name))


def column_ids(node: Any) -> set[int]:
    """The columns that an expression reads."""
    return {item.column.column_id for item in nodes_of(node) if isinstance(item, ResolvedColumnRef)}


def conjuncts(node: Any) -> Iterator[Any]:
    """The conditions that a chain of ANDs joins."""
    if isinstance(node, ResolvedFunctionCall) and node.function.name.endswith("$and"):
        for argument in node.argument_list:
            yield from conjuncts(argument)
    else:
        yield node


def has_equality(join: ResolvedJoinScan) -> bool:
    """Whether some conjunct equals an expression of one side with one of the other."""
    left = {column.column_id for column in join.left_scan.column_list}
    right = {column.column_id for column in join.right_scan.column_list}
    for condition in conjuncts(join.join_expr):
        if not isinstance(condition, ResolvedFunctionCall):
            continue
        if not condition.function.name.endswith("$equal"):
            continue
        one, other = (column_ids(argument) for argument in condition.argument_list)
        if one and other and ((one <= left and other <= right) or (one <= right and other <= left)):
            return True
    return False


class Project:
    """The nodes of a manifest, analyzed in order."""

    def __init__(self, target: Path) -> None:
        self.manifest = json.loads((target / "manifest.json").read_text())
        self.nodes: dict[str, dict[str, Any]] = {
            **self.manifest["nodes"],
            **self.manifest["sources"],
        }
        self.options = AnalyzerOptions(language_options=language())
        self.options.prune_unused_columns = False
        self.builtins = ZetaSQLBuiltinFunctionOptions(language_options=language())
        self.report = Report()
        self.prefixes = {
            node["relation_name"].rpartition("`.`")[0] + "`."
            for node in self.nodes.values()
            if node.get("relation_name")
        }

    def statement(self, sql: str, tables: dict[str, Columns]) -> ResolvedStatement:
        """Analyzes one statement; relations stand in it without project and dataset."""
        catalog = CatalogBuilder("bigquery").with_builtin_functions(self.builtins)
        for name, columns in tables.items():
            table = TableBuilder(name)
            for column, kind in columns.items():
                table.add_column(column, kind)
            catalog.add_table(table.build())
        for prefix in self.prefixes:
            sql = sql.replace(prefix + "INFORMATION_SCHEMA.COLUMNS", "`INFORMATION_SCHEMA_COLUMNS`")
            sql = sql.replace(prefix, "")
        self.report.statements += 1
        return Analyzer(self.options, catalog.build()).analyze_statement(sql)

    def check(self, name: str, sql: str, parents: list[str]) -> Columns:
        """The columns of a query; its faults go to the report."""
        tables = {"INFORMATION_SCHEMA_COLUMNS": INFORMATION_SCHEMA_COLUMNS}
        for parent in parents:
            node = self.nodes.get(parent)
            if node and parent in self.report.columns:
                tables[node.get("alias") or node["identifier"]] = self.report.columns[parent]
        try:
            resolved = self.statement(sql, tables)
        except ZetaSQLError as error:
            self.report.faults.append(f"{name}: {error}")
            return {}
        for node in nodes_of(resolved):
            if isinstance(node, ResolvedJoinScan) and node.join_type and not has_equality(node):
                self.report.faults.append(f"{name}: an outer join without an equality of its sides")
        columns: Columns = {}
        for output in resolved.output_column_list:
            columns[output.name] = TypeKind(output.column.type.type_kind)
        return columns

    def declared(self, node: dict[str, Any]) -> Columns:
        """The columns of a seed or source: text, unless declared otherwise."""
        types = node["config"].get("column_types") or {}
        names = types or node["columns"]
        return {name: COLUMN_TYPES[types.get(name, "string")] for name in names}

    def compare_contract(self, name: str, node: dict[str, Any], columns: Columns) -> None:
        """A contract's columns are those of the query, with their types."""
        if not node["config"].get("contract", {}).get("enforced"):
            return
        promised = {
            column["name"]: COLUMN_TYPES.get(column["data_type"].lower())
            for column in node["columns"].values()
        }
        for column in promised.keys() | columns.keys():
            if promised.get(column) != columns.get(column):
                self.report.faults.append(
                    f"{name}: {column} is {columns.get(column)}, not {promised.get(column)}"
                )

    def depth(self, key: str) -> int:
        """How many views deep a reader of the relation goes."""
        node = self.nodes.get(key, {})
        if node.get("config", {}).get("materialized") != "view":
            return 0
        return 1 + max(
            (self.depth(parent) for parent in self.manifest["parent_map"][key]), default=0
        )

    def in_order(self) -> Iterator[str]:
        """Seeds, sources, models and tests, each after its parents."""
        done: set[str] = set()

        def visit(key: str) -> Iterator[str]:
            if key in done or key not in self.nodes:
                return
            done.add(key)
            for parent in self.manifest["parent_map"].get(key, []):
                yield from visit(parent)
            yield key

        for key in self.nodes:
            yield from visit(key)

    def run(self) -> Report:
        """Analyzes everything that was compiled."""
        for key in self.in_order():
            node = self.nodes[key]
            if node["resource_type"] in ("seed", "source"):
                self.report.columns[key] = self.declared(node)
            elif node["resource_type"] in ("model", "test"):
                sql = node.get("compiled_code")
                if sql is None:
                    self.report.faults.append(f"{key}: not compiled")
                    continue
                columns = self.check(key, sql, self.manifest["parent_map"][key])
                if node["resource_type"] == "model" and columns:
                    self.report.columns[key] = columns
                    self.compare_contract(key, node, columns)
                    depth = self.depth(key)
                    self.report.deepest = max(depth, self.report.deepest)
                    if depth > MOST_NESTED_VIEWS:
                        self.report.faults.append(f"{key}: views are nested {depth} deep")
                for column, kind in columns.items():
                    if kind in (TypeKind.TYPE_DOUBLE, TypeKind.TYPE_FLOAT, TypeKind.TYPE_NUMERIC):
                        self.report.faults.append(f"{key}: {column} is {kind.name}")
        return self.report


def main() -> int:
    """Prints the faults of each folder; 1 when there are any."""
    faults = 0
    for target in sys.argv[1:]:
        report = Project(Path(target)).run()
        faults += len(report.faults)
        for fault in report.faults:
            print(fault)
        print(
            f"{report.statements} statements, {len(report.faults)} faults,"
            f" views {report.deepest} deep at most"
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
