"""What a build reads from raw files, and every fault of them, before anything is built."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from exporter.errors import UserError
from exporter.project import Project, RawTable
from exporter.raw.files import RawFile, cut_files, group_files
from exporter.raw.folders import check_root, describe_strangers, tables_by_folder, walk
from exporter.raw.forms import Form, find_form
from exporter.raw.mapping import (
    FILE_NAMES,
    Mapping,
    choose_mapping,
    describe_lack,
    read_mappings,
    shipped_mappings,
)
from exporter.raw.shapes import Shape, list_columns, match_table, read_shape

# the lists of files, beside the build's database: dbt would parse anew for each other variable
RAW_FILES = "raw_files.json"
SHOWN_FAULTS = 200

# what is said of a file in a raw folder, where single files are named
_LEAVE_OUT = re.compile(r"take (it|the file) out of the raw folder")

# LiteLLM's daily aggregate tables count the same calls again, without tier and context
_AGGREGATE_COLUMNS = {"date", "api_requests", "spend"}
# what its API answers where it is asked for the log of some days
_SUMS_OF_DAYS = {"startTime", "spend", "users", "models"}


@dataclass(frozen=True)
class Fault:
    """A file or folder that can't be read, and the sentence that says why; both name it."""

    file: str
    reason: str
    # rows of usage may be missing; what prices, contracts and periods say may not
    may_be_set_aside: bool


@dataclass
class RawPlan:
    """What a build reads from a raw folder; `raw_files` is what macros/raw_duckdb.sql reads."""

    root: Path
    read: list[RawFile] = field(default_factory=list)
    # those of which a file is read
    usage_sources: list[str] = field(default_factory=list)
    # sentences on what is not read, and on what holds nothing
    remarks: list[str] = field(default_factory=list)
    # after check(): what is gone on without
    faults: list[Fault] = field(default_factory=list)
    # after cut(): what is read in place of a file
    copies: dict[Path, Path] = field(default_factory=dict)

    @cached_property
    def scratch(self) -> Path:
        """A folder for copies as UTF-8, which goes with the plan."""
        folder = Path(tempfile.mkdtemp(prefix="ai-focus-raw-"))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    @property
    def notes(self) -> list[str]:
        """Sentences for the summary; of JSON, whose keys were seen in a sample, no columns."""
        tables = [file for file in self.read if file.shape.format in ("csv", "parquet")]
        unread = [(file.label, ", ".join(file.unread)) for file in tables if file.unread]
        said = [f"{label} has columns that are not read: {names}." for label, names in unread]
        return said + self.remarks

    @property
    def files(self) -> int:
        """How many files are read."""
        return len(self.read)

    @property
    def bytes(self) -> int:
        """How large they are together, as they lie there."""
        return sum(file.bytes for file in self.read)

    @property
    def raw_files(self) -> dict[str, list[dict[str, Any]]]:
        """The files of each table, grouped by what they are."""
        by_table: dict[RawTable, list[RawFile]] = {}
        for file in self.read:
            by_table.setdefault(file.table, []).append(file)
        return {
            table.name: group_files(table, self.root, files, self.copies)
            for table, files in by_table.items()
        }

    def variables(self) -> dict[str, Any]:
        """Give the variables that dbt reads, the same ones whatever the files are named."""
        return {
            "raw_origin": "file",
            "raw_files": RAW_FILES,
            "usage_sources": self.usage_sources,
        }

    def cut(self, folder: Path) -> None:
        """Copy into `folder` the files that have lines too long to read, without those."""
        self.copies = cut_files(self.read, folder)

    def remove_copies(self) -> None:
        """Remove what cut() has written."""
        for copy in self.copies.values():
            copy.unlink(missing_ok=True)
        self.copies.clear()

    def write(self, folder: Path) -> None:
        """Write down the files for dbt, which works in this folder."""
        self.cut(folder)
        (folder / RAW_FILES).write_text(json.dumps(self.raw_files), encoding="utf-8")

    def check(self, *, set_aside: bool = False) -> None:
        """Raise UserError that names every fault; with `set_aside` usage logs may have some."""
        faulty = {fault.file for fault in self.faults}
        is_left = any(
            file.table.folder in self.usage_sources and file.label not in faulty
            for file in self.read
        )
        may_go_on = set_aside and is_left
        faults = [fault for fault in self.faults if not (may_go_on and fault.may_be_set_aside)]
        if not faults:
            return
        lines = [fault.reason for fault in faults[:SHOWN_FAULTS]]
        if len(faults) > SHOWN_FAULTS:
            lines.append(f"and {len(faults) - SHOWN_FAULTS:,} more")
        if not is_left:
            lines += self.remarks
        if set_aside and faults[0].may_be_set_aside:
            lines.append("No other usage log is left to read.")
        elif set_aside:
            lines.append("--set-aside is for usage logs: other tables decide what calls cost.")
        elif is_left and all(fault.may_be_set_aside for fault in faults):
            lines.append("With --set-aside the others are read.")
        if len(faults) == 1:
            raise UserError(" ".join(lines))
        head = f"{len(faults):,} files of {self.root} can't be read:"
        raise UserError("\n  ".join([head, *lines]))

    def take_mappings(
        self, files: list[Path], tables: list[RawTable]
    ) -> tuple[list[Path], list[Mapping]]:
        """Take the files of mappings out of a folder's; gives the others and what was read."""
        if len(tables) > 1:
            return files, []
        mappings: list[Mapping] = []
        for file in files:
            if file.name not in FILE_NAMES:
                continue
            label = os.path.relpath(file, self.root)
            try:
                mappings += read_mappings(file, label, tables[0])
            except UserError as error:
                # without it other files may be read otherwise
                self.faults.append(Fault(_printable(label), str(error), may_be_set_aside=False))
        return [file for file in files if file.name not in FILE_NAMES], mappings

    def add(
        self, file: Path, tables: list[RawTable], mappings: list[Mapping], *, is_usage: bool
    ) -> bool:
        """Take in one file or its fault; tells whether it is read."""
        label = str(file.relative_to(self.root))
        try:
            table, shape, size, mapping = _recognise(
                file, label, tables, mappings, lambda: self.scratch
            )
            # a mapping's columns are its own
            form = find_form(file, label, shape, table) if table and not mapping else Form(shape)
        except UserError as error:
            self.faults.append(Fault(_printable(label), str(error), is_usage))
            return False
        if table is None:
            self.remarks.append(
                f"{label} was not read: it is a daily aggregate, which holds the calls of the "
                "spend log once more."
            )
            return False
        self.remarks += form.remarks
        self.read.append(RawFile(file, label, table, form.shape, size, mapping))
        if is_usage and not shape.has_records:
            self.remarks.append(f"{label} holds no records.")
        return True


def find_raw_files(root: Path, project: Project, sources: tuple[str, ...] = ()) -> RawPlan:
    """List the files of `root`/<folder>/, tell what each is, and gather every fault.

    `sources` limits the usage sources. Raises UserError where there is nothing to look at.
    """
    root = root.expanduser().absolute()
    wanted = select_sources(project, sources)
    folders = tables_by_folder(project)
    check_root(root, folders)
    plan = RawPlan(root)
    absent = []
    for folder, tables in folders.items():
        is_usage = folder in project.usage_sources
        if is_usage and folder not in wanted:
            continue
        files, unreadable = walk(root / folder)
        plan.faults += [
            Fault(_printable(os.path.relpath(name, root)), text, is_usage)
            for name, text in unreadable.items()
        ]
        files, mappings = plan.take_mappings(files, tables)
        is_read = [plan.add(file, tables, mappings, is_usage=is_usage) for file in files]
        if is_usage and any(is_read):
            plan.usage_sources.append(folder)
        if is_usage and not files:
            absent.append(folder)
    plan.usage_sources.sort(key=project.usage_sources.index)
    strangers = describe_strangers(root, folders)
    if sources and absent and not plan.faults:
        raise UserError(
            f"There is no file for the source {absent[0]}: put its logs into {root / absent[0]}."
            + "".join(f" {note}" for note in strangers)
        )
    if not plan.usage_sources and not plan.faults:
        places = " or ".join(str(root / source) for source in wanted)
        notes = "".join(f" {note}" for note in [*plan.notes, *strangers])
        raise UserError(
            f"There is no usage log in {places}: put the files of each source into the folder "
            f"of its name.{notes}"
        )
    plan.remarks += strangers
    return plan


def plan_raw_files(
    root: Path, project: Project, sources: tuple[str, ...] = (), *, set_aside: bool = False
) -> RawPlan:
    """Find the files of a raw folder, refusing faults: all are named in one UserError.

    With `set_aside` usage logs may have faults; the plan names them.
    """
    plan = find_raw_files(root, project, sources)
    plan.check(set_aside=set_aside)
    return plan


def plan_files(
    source: str, paths: Sequence[Path], project: Project, *, set_aside: bool = False
) -> RawPlan:
    """Tell what single files are, or all files of folders, given as those of one source.

    A source is what a folder of a raw folder may be named. Raises UserError for all faults, with
    `set_aside` for those that are not of usage logs.
    """
    folders = tables_by_folder(project)
    if source not in folders:
        raise UserError(f"There is no source '{source}': choose one of {', '.join(folders)}.")
    files: list[Path] = []
    for path in paths:
        path = path.expanduser().absolute()
        if not path.exists():
            raise UserError(f"The file {path} doesn't exist: check its name.")
        found, unreadable = walk(path) if path.is_dir() else ([path], {})
        if unreadable:
            raise UserError(next(iter(unreadable.values())))
        if not found:
            raise UserError(f"The folder {path} holds no file: name one that does.")
        files += found
    files = list(dict.fromkeys(files))
    # labels are paths below what all files have in common
    plan = RawPlan(Path(os.path.commonpath([file.parent for file in files])))
    beside = {file.parent / name for file in files for name in FILE_NAMES}
    files += sorted(file for file in beside if file.is_file() and file not in files)
    files, mappings = plan.take_mappings(files, folders[source])
    for file in files:
        plan.add(file, folders[source], mappings, is_usage=source in project.usage_sources)
    plan.faults = [
        Fault(fault.file, _LEAVE_OUT.sub("leave it out", fault.reason), fault.may_be_set_aside)
        for fault in plan.faults
    ]
    if plan.read and source in project.usage_sources:
        plan.usage_sources.append(source)
    plan.check(set_aside=set_aside)
    return plan


def select_sources(project: Project, sources: tuple[str, ...]) -> list[str]:
    """Give the wanted usage sources in the project's order; raises UserError for unknown ones."""
    for source in sources:
        if source not in project.usage_sources:
            known = ", ".join(project.usage_sources)
            raise UserError(f"There is no source '{source}': --source takes one of {known}.")
    return [name for name in project.usage_sources if not sources or name in sources]


def _printable(label: str) -> str:
    return label.encode(errors="backslashreplace").decode()


def _recognise(
    file: Path,
    label: str,
    tables: list[RawTable],
    mappings: list[Mapping],
    scratch: Callable[[], Path],
) -> tuple[RawTable | None, Shape, int, Mapping | None]:
    """Give a file's table, shape, bytes and mapping; no table for what is not to be read."""
    try:
        label.encode()
    except UnicodeEncodeError:
        raise UserError(f"{label!a} has a name that is no UTF-8: rename it.") from None
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{label} is no regular file: take it out of the raw folder.")
        shape = read_shape(file, label, tables, scratch)
    except OSError as error:
        raise UserError(
            f"{label} can't be read ({error.strerror or error}): "
            "check its permissions or take it out of the raw folder."
        ) from None
    if set(shape.columns) >= _AGGREGATE_COLUMNS:
        return None, shape, status.st_size, None
    if set(shape.columns) == _SUMS_OF_DAYS:
        raise UserError(
            f"{label} holds LiteLLM's sums of days and none of its calls: ask /spend/logs for them "
            "with summarize=false, or take the file out of the raw folder."
        )
    # an empty JSON array is no other table's either
    if not shape.columns:
        return tables[0], shape, status.st_size, None
    if len(tables) == 1:
        mapping = choose_mapping(file, shape, tables[0], mappings)
        if mapping is not None:
            return tables[0], shape, status.st_size, mapping
    try:
        return match_table(shape, label, tables), shape, status.st_size, None
    except UserError as error:
        lack = describe_lack(file, shape, tables[0], mappings)
        if lack is None and shipped_mappings(tables[0]):
            raise UserError(
                f"{str(error).removesuffix('.')}, or say in mapping.yml which column is which."
            ) from None
        if lack is None:
            raise
        raise UserError(
            f"{label} has not what {mappings[0].name} reads: it has {list_columns(shape.columns)} "
            f"and lacks {lack}; correct the mapping, add one for this file behind a line --- or "
            "take the file out of the raw folder."
        ) from None
