"""The files that a build reads: of which table, in which shape, and in place of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.project import RawTable
from exporter.raw.mapping import Mapping, source_columns
from exporter.raw.shapes import Shape
from exporter.raw.text import cut_long_lines


@dataclass(frozen=True)
class RawFile:
    """A file that is read; `label` is its path below the raw folder."""

    path: Path
    label: str
    table: RawTable
    shape: Shape
    bytes: int
    # where its columns are not the table's own
    mapping: Mapping | None = None

    @property
    def text(self) -> Path:
        """Where its text lies as UTF-8."""
        return self.shape.passed.utf8 or self.path

    @property
    def unread(self) -> list[str]:
        """The columns that no model reads; of JSON the keys seen in a sample."""
        read = source_columns(self.mapping, self.shape) if self.mapping else self.table.columns
        return [name for name in self.shape.columns if name not in read]


def cut_files(files: Sequence[RawFile], folder: Path) -> dict[Path, Path]:
    """Copy the files that have lines too long to read, without those; gives path -> copy.

    Files of UTF-16 have a copy already.
    """
    copies = {file.path: file.text for file in files if file.text != file.path}
    for file in files:
        # the lines of an array are no records
        if file.shape.passed.long_lines and file.shape.format != "json":
            is_gzip = file.text.suffix.lower() == ".gz"
            copy = folder / f"cut_{len(copies)}.txt{'.gz' if is_gzip else ''}"
            cut_long_lines(file.text, is_gzip, copy)
            copies[file.path] = copy
    return copies


def group_files(
    table: RawTable, root: Path, files: Sequence[RawFile], copies: dict[Path, Path]
) -> list[dict[str, Any]]:
    """Group a table's files by their shape, as macros/raw_duckdb.sql reads them."""
    groups: dict[tuple[Shape, Mapping | None], list[RawFile]] = {}
    for file in files:
        shape = file.shape
        if shape.format in ("json", "jsonl"):
            # a key may turn up for the first time behind the sample
            names = source_columns(file.mapping, shape) if file.mapping else table.columns
            shape = Shape(shape.format, tuple(names))
        groups.setdefault((shape, file.mapping), []).append(file)
    return [
        {
            "format": shape.format,
            "root": str(root),
            "paths": [str(file.path) for file in alike],
            "columns": list(shape.columns),
            **({"types": list(shape.types)} if shape.format == "parquet" else {}),
            **(_describe_csv(shape) if shape.format == "csv" else {}),
            **(
                {"has_ambiguous": True}
                if shape.commas
                or any(it.shape.passed.has_ambiguous for it in alike)
                or (mapping and shape.format == "parquet")
                else {}
            ),
            **_describe_cuts(alike, copies),
            **({"mapping": mapping.describe(source_columns(mapping, shape))} if mapping else {}),
        }
        for (shape, mapping), alike in groups.items()
    ]


def _describe_csv(shape: Shape) -> dict[str, Any]:
    lists = {"nulls": shape.nulls, "commas": shape.commas, "numbers": shape.numbers}
    return {
        "delimiter": shape.delimiter,
        **{name: list(found) for name, found in lists.items() if found},
    }


def _describe_cuts(files: Sequence[RawFile], copies: dict[Path, Path]) -> dict[str, Any]:
    """Give for a path what is read in its place, and the numbers of the lines that were cut out."""
    cuts = {
        str(file.path): {
            "path": str(copies[file.path]),
            "lines": list(file.shape.passed.long_lines),
        }
        for file in files
        if file.path in copies
    }
    return {"cut": cuts} if cuts else {}
