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
# Pages are made of what writes whole files.
SHARES_PRIVATES = {("exporter.extract.pages", "exporter.extract.writer")}


def room_of(module: str) -> str:
    part = module.split(".")[1]
    return part if part in ROOMS else "base"


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


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
        module = module_of(file)
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


def test_no_private_name_is_imported() -> None:
    files = [
        file for name in ("exporter", "scripts", "tests") for file in (ROOT / name).rglob("*.py")
    ]
    wrong = []
    for file in sorted(files):
        for imported in sorted(imports_of(file)):
            place, _, name = imported.rpartition(".")
            if is_private(name) and (module_of(file), place) not in SHARES_PRIVATES:
                wrong.append(f"{module_of(file)} imports {imported}")
    assert not wrong


def test_no_private_attribute_is_used_from_outside() -> None:
    wrong = []
    for file in sorted((ROOT / "exporter").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and is_private(node.attr):
                used = ast.unparse(node)
                # ends a process without waiting for its threads
                if used.partition(".")[0] not in ("self", "cls") and used != "os._exit":
                    wrong.append(f"{module_of(file)}, line {node.lineno}: {used}")
    assert not wrong
