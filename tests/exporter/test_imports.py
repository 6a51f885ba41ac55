"""The rooms of the wrapper: which package may import which."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Each imports what stands above it. A module that lies in no package is base, or the door.
ROOMS = [
    "base",
    "dbt",
    "raw",
    "prices",
    "focus",
    "extract",
    "build",
    "warehouse",
    "api",
    "commands",
]
# Looked up by name, so that `--help` answers at once.
DOOR = "cli"
# An export of a warehouse's rows is an export.
EXCEPTIONS = {("extract", "warehouse")}


def room_of(module: str) -> str:
    part = module.split(".")[1]
    return part if part in ROOMS else "base"


def imports_of(file: Path) -> set[str]:
    """Give the project's modules that a file names in an import, also within functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return {name for name in found if name.startswith("exporter.")}


def test_each_room_imports_only_rooms_beneath_it() -> None:
    wrong = []
    for file in sorted((ROOT / "exporter").rglob("*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        if module in ("exporter.__init__", f"exporter.{DOOR}"):
            continue
        room = room_of(module)
        for imported in sorted(imports_of(file)):
            beneath = ROOMS.index(room_of(imported)) <= ROOMS.index(room)
            if not beneath and (room, room_of(imported)) not in EXCEPTIONS:
                wrong.append(f"{module} imports {imported}")
    assert not wrong


def test_every_folder_is_a_room() -> None:
    folders = {file.parent.name for file in (ROOT / "exporter").glob("*/__init__.py")}
    assert folders == set(ROOMS) - {"base"}
