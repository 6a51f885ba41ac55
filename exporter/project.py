"""Where the dbt project lies, and what its YAML files say. Nothing is written there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.errors import UserError


@dataclass(frozen=True)
class RawTable:
    """A raw table as its sources YAML declares it; column names are case-sensitive."""

    name: str
    folder: str
    columns: tuple[str, ...]
    required: tuple[str, ...]
    # when a record happened
    time: str | None
    # say yes or no
    truths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Project:
    """The dbt project: the one inside an installed wheel, else the repository's root."""

    path: Path
    settings: dict[str, Any] = field(hash=False)

    @property
    def usage_sources(self) -> tuple[str, ...]:
        """All usage sources that the project knows, by their staging folders."""
        return tuple(self.settings["vars"]["usage_sources"])

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that dbt_project.yml declares."""
        return tuple(self.settings.get("vars") or {})

    def raw_tables(self) -> list[RawTable]:
        """Read every raw table from models/staging/*/_*__sources.yml."""
        tables = []
        for file in sorted((self.path / "models" / "staging").glob("*/_*__sources.yml")):
            content = _read_yaml(file)
            for source in content.get("sources", []):
                if source["name"] != "raw":
                    continue
                tables += [_raw_table(table, file.parent.name) for table in source["tables"]]
        return tables

    def model_kinds(self, name: str) -> dict[str, str]:
        """Read DuckDB's type of each column of a mart that has no versions, in their order."""
        from jinja2 import Template

        for file in sorted((self.path / "models" / "marts").glob("*/_*__models.yml")):
            content = _read_yaml(file)
            for model in content.get("models", []):
                if model["name"] == name and "versions" not in model:
                    return {
                        # types are written for every target
                        column["name"]: Template(column["data_type"])
                        .render(target={"type": "duckdb"})
                        .upper()
                        for column in model["columns"]
                    }
        raise LookupError(f"no mart is named {name}")


def _read_yaml(file: Path) -> dict[str, Any]:
    # libyaml where PyYAML was built with it: the project's files are read before each build
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(file.read_text(encoding="utf-8"), loader) or {}  # noqa: S506


def _raw_table(table: dict[str, Any], folder: str) -> RawTable:
    columns = table.get("columns", [])

    def marked(mark: str) -> tuple[str, ...]:
        metas = {column["name"]: (column.get("config") or {}).get("meta") for column in columns}
        return tuple(name for name, meta in metas.items() if (meta or {}).get(mark))

    return RawTable(
        name=table["name"],
        folder=folder,
        columns=tuple(column["name"] for column in columns),
        required=marked("required"),
        time=next(iter(marked("time")), None),
        truths=marked("truth"),
    )


def load_project() -> Project:
    """Find the dbt project beside the package's modules or one folder above them."""
    package = Path(__file__).resolve().parent
    for folder in (package / "dbt_project", package.parent):
        file = folder / "dbt_project.yml"
        if file.is_file():
            return Project(folder, _read_yaml(file))
    raise UserError(
        f"The dbt project is missing beside {package}: install ai-focus again, "
        "or run from a complete checkout."
    )


def tool_version() -> str:
    """Give the version of ai-focus, from the installed distribution or else the project."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("ai-focus")
    except PackageNotFoundError:
        return str(load_project().settings["version"])
