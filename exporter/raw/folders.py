"""Lists the files of a raw folder, and names the folders and files that nothing reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from exporter.errors import UserError
from exporter.project import Project, RawTable

Tables = dict[str, list[RawTable]]


def tables_by_folder(project: Project) -> Tables:
    """Give the tables of each folder: named for a staging folder (litellm) or a raw table."""
    folders: Tables = {}
    tables = project.raw_tables()
    for table in tables:
        of_source = table.folder in project.usage_sources
        folders.setdefault(table.folder if of_source else table.name, []).append(table)
    for table in tables:
        if table.folder in folders and table not in folders[table.folder]:
            folders[table.folder].append(table)
    return folders


def check_root(root: Path, folders: Tables) -> None:
    """Raise UserError for a raw folder that isn't there, is none, or is one of those inside it."""
    try:
        if not root.exists():
            raise UserError(f"The raw folder {root} doesn't exist: {_nearest_path(root)}")
        if not root.is_dir():
            raise UserError(
                f"{root} is a file: --raw-dir takes the folder that holds gateway/ etc."
            )
        if not os.access(root, os.R_OK | os.X_OK):
            raise PermissionError
    except PermissionError:
        raise UserError(f"The folder {root} can't be read: check its permissions.") from None
    if root.name in folders and not _holds_sources(root, folders):
        raise UserError(
            f"{root} is the folder of one source: --raw-dir takes the folder that holds it, "
            f"{root.parent}."
        )


def _nearest_path(path: Path) -> str:
    """Say what is spelt nearly like the first part of a path that doesn't exist."""
    while not path.parent.is_dir():
        path = path.parent
    alike = _alike(path.name, [entry.name for entry in path.parent.iterdir() if entry.is_dir()])
    return f"did you mean {path.parent / alike}?" if alike else "check --raw-dir."


def _holds_sources(folder: Path, folders: Tables) -> bool:
    return any((folder / name).is_dir() for name in folders)


def _alike(name: str, names: Iterable[str]) -> str | None:
    lower = {other.lower(): other for other in names}
    found = get_close_matches(name.lower(), lower, 1)
    return lower[found[0]] if found else None


def walk(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """List the files of a folder and its subfolders, but for hidden ones; links are followed.

    Also gives the folders that can't be read, each with a sentence.
    """
    found: list[Path] = []
    unreadable: dict[str, str] = {}
    seen: set[str] = set()

    if not folder.is_dir():
        return found, unreadable

    def refuse(error: OSError) -> None:
        unreadable[str(error.filename)] = (
            f"The folder {error.filename} can't be read ({error.strerror}): check its permissions."
        )

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in files if not name.startswith(".")]
    return sorted(found), unreadable


def describe_strangers(root: Path, folders: Tables) -> list[str]:
    """Say of each entry of a raw folder that nothing reads where it may belong."""
    # a table's own name is near the folder of its source
    meant = {table.name: folder for folder, tables in folders.items() for table in tables}
    meant |= {folder: folder for folder in folders}
    notes = []
    for entry in sorted(root.iterdir()):
        is_folder = entry.is_dir()
        if entry.name.startswith(".") or (is_folder and entry.name in folders):
            continue
        alike = _alike(entry.name if is_folder else entry.name.split(".")[0], meant)
        if alike is not None:
            remedy = f"{'name it' if is_folder else 'put it into the folder'} {meant[alike]}"
            hint = f"{remedy}, if that is what it holds"
        elif is_folder and os.access(entry, os.X_OK) and _holds_sources(entry, folders):
            hint = f"it is a raw folder of its own, for --raw-dir {entry}"
        else:
            hint = f"a raw folder holds {', '.join(folders)}"
        count = len(walk(entry)[0]) if is_folder else 1
        files = f" ({count:,} file{'' if count == 1 else 's'})" if is_folder else ""
        kind = "folder" if is_folder else "file"
        notes.append(f"The {kind} {entry.name} was not read{files}: {hint}.")
    return notes
