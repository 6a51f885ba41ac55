"""Finds out what the files of a raw folder are, before anything is built.

A file's format and table are known by its content: magic bytes, its header or its keys. Each text
file is passed over once in blocks, to see that it can be read whole. Rows are not parsed here, with
two exceptions: the first JSON lines, for their keys, and a JSON array, which is read as one text.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import os
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from exporter.errors import UserError
from exporter.project import Project, RawTable

DELIMITERS = (",", ";", "\t", "|")
JSON_LINES_ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
# enough to meet every key that a log's records usually carry
SAMPLE_RECORDS = 1000
BLOCK = 1 << 20
# what macros/raw_duckdb.sql lets DuckDB read as one line
LONGEST_LINE = 64 << 20
# the lists of files, beside the build's database: dbt would parse anew for each other variable
RAW_FILES = "raw_files.json"

# what is said of a file in a raw folder, where single files are named
_LEAVE_OUT = re.compile(r"take (it|the file) out of the raw folder")

# LiteLLM's daily aggregate tables count the same calls again, without tier and context
_AGGREGATE_COLUMNS = {"date", "api_requests", "spend"}


@dataclass(frozen=True)
class Shape:
    """What one file is: its format and its columns (of JSON: the keys seen in a sample)."""

    format: str
    columns: tuple[str, ...]
    delimiter: str | None = None
    types: tuple[str, ...] = ()
    # files are grouped by the rest
    has_records: bool = field(default=True, compare=False)


@dataclass
class RawPlan:
    """What a build reads from a raw folder; `raw_files` is what macros/raw_duckdb.sql reads."""

    root: Path
    raw_files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    usage_sources: list[str] = field(default_factory=list)
    # sentences for the summary
    notes: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0

    def variables(self) -> dict[str, Any]:
        """Give the variables that dbt reads, the same ones whatever the files are named."""
        return {
            "raw_origin": "file",
            "raw_files": RAW_FILES,
            "usage_sources": self.usage_sources,
        }

    def write(self, folder: Path) -> None:
        """Write down the files for dbt, which works in this folder."""
        (folder / RAW_FILES).write_text(json.dumps(self.raw_files), encoding="utf-8")


def plan_raw_files(root: Path, project: Project, sources: tuple[str, ...] = ()) -> RawPlan:
    """List the files of `root`/<folder>/ and tell what each is.

    `sources` limits the usage sources. Raises UserError for every fault of a file or folder.
    """
    root = root.expanduser().absolute()
    wanted = select_sources(project, sources)
    if not root.exists():
        raise UserError(f"The raw folder {root} doesn't exist: check --raw-dir.")
    if not root.is_dir():
        raise UserError(f"{root} is a file: --raw-dir takes the folder that holds gateway/ etc.")
    candidates = _tables_by_folder(project)
    plan = RawPlan(root)
    found: dict[str, list[tuple[Path, Shape]]] = {}
    for folder, tables in candidates.items():
        if folder in project.usage_sources and folder not in wanted:
            continue
        files = 0
        for file in _walk(root / folder):
            table, shape = _recognise(file, root, tables, plan.notes)
            files += 1
            if table is None:
                continue
            found.setdefault(table.name, []).append((file, shape))
            plan.files += 1
            plan.bytes += file.stat().st_size
            if folder in wanted and not shape.has_records:
                plan.notes.append(f"{file.relative_to(root)} holds no records.")
            if folder in wanted and folder not in plan.usage_sources:
                plan.usage_sources.append(folder)
        if sources and folder in wanted and not files:
            raise UserError(
                f"There is no file for the source {folder}: put its logs into {root / folder}."
            )
    _note_strangers(root, candidates, plan.notes)
    if not plan.usage_sources:
        places = " or ".join(str(root / source) for source in wanted)
        raise UserError(
            f"There is no usage log in {places}: put the files of each source into the folder "
            "of its name."
        )
    plan.usage_sources.sort(key=project.usage_sources.index)
    by_name = {table.name: table for table in project.raw_tables()}
    plan.raw_files = {name: _group(by_name[name], root, files) for name, files in found.items()}
    return plan


def plan_files(source: str, paths: Sequence[Path], project: Project) -> RawPlan:
    """Tell what single files are, or all files of folders, given as those of one source.

    A source is what a folder of a raw folder may be named. Raises UserError for every fault.
    """
    folders = _tables_by_folder(project)
    if source not in folders:
        raise UserError(f"There is no source '{source}': choose one of {', '.join(folders)}.")
    files: list[Path] = []
    for path in paths:
        path = path.expanduser().absolute()
        if not path.exists():
            raise UserError(f"The file {path} doesn't exist: check its name.")
        found = _walk(path) if path.is_dir() else [path]
        if not found:
            raise UserError(f"The folder {path} holds no file: name one that does.")
        files += found
    files = list(dict.fromkeys(files))
    # labels are paths below what all files have in common
    plan = RawPlan(Path(os.path.commonpath([file.parent for file in files])))
    by_table: dict[RawTable, list[tuple[Path, Shape]]] = {}
    for file in files:
        try:
            table, shape = _recognise(file, plan.root, folders[source], plan.notes)
        except UserError as error:
            raise UserError(_LEAVE_OUT.sub("leave it out", str(error))) from None
        if table is not None:
            by_table.setdefault(table, []).append((file, shape))
            plan.files += 1
            plan.bytes += file.stat().st_size
    plan.raw_files = {
        table.name: _group(table, plan.root, found) for table, found in by_table.items()
    }
    if source in project.usage_sources:
        plan.usage_sources.append(source)
    return plan


def select_sources(project: Project, sources: tuple[str, ...]) -> list[str]:
    """Give the wanted usage sources in the project's order; raises UserError for unknown ones."""
    for source in sources:
        if source not in project.usage_sources:
            known = ", ".join(project.usage_sources)
            raise UserError(f"There is no source '{source}': --source takes one of {known}.")
    return [name for name in project.usage_sources if not sources or name in sources]


def _tables_by_folder(project: Project) -> dict[str, list[RawTable]]:
    # a folder is named for a staging folder (gateway, litellm) or for a single raw table
    folders: dict[str, list[RawTable]] = {}
    tables = project.raw_tables()
    for table in tables:
        if table.folder in project.usage_sources:
            folders.setdefault(table.folder, []).append(table)
        else:
            folders.setdefault(table.name, []).append(table)
    for table in tables:
        if table.folder in folders and table not in folders[table.folder]:
            folders[table.folder].append(table)
    return folders


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        raise UserError(
            f"The folder {error.filename} can't be read ({error.strerror}): check its permissions."
        )

    if not folder.is_dir():
        return found
    for parent, folders, files in os.walk(folder, followlinks=True, onerror=refuse):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent, name) for name in files if not name.startswith(".")]
    return sorted(found)


def _note_strangers(root: Path, candidates: dict[str, list[RawTable]], notes: list[str]) -> None:
    for entry in sorted(root.iterdir()):
        if entry.name.startswith(".") or (entry.is_dir() and entry.name in candidates):
            continue
        kind = "folder" if entry.is_dir() else "file"
        notes.append(
            f"The {kind} {entry.name} was not read: a raw folder holds {', '.join(candidates)}."
        )


def _recognise(
    file: Path, root: Path, tables: list[RawTable], notes: list[str]
) -> tuple[RawTable | None, Shape]:
    label = file.relative_to(root)
    try:
        str(file).encode()
    except UnicodeEncodeError:
        raise UserError(f"{str(label)!a} has a name that is no UTF-8: rename it.") from None
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise UserError(f"{label} is no regular file: take it out of the raw folder.")
        shape = read_shape(file, str(label), tables)
    except OSError as error:
        raise UserError(
            f"{label} can't be read ({error.strerror or error}): "
            "check its permissions or take it out of the raw folder."
        ) from None
    if set(shape.columns) >= _AGGREGATE_COLUMNS:
        notes.append(
            f"{label} was not read: it is a daily aggregate, which holds the calls of the "
            "spend log once more."
        )
        return None, shape
    if not shape.columns and len(tables) == 1:
        # an empty JSON array
        return tables[0], shape
    table = _match_table(shape, str(label), tables)
    if shape.format in ("csv", "parquet"):
        unknown = [name for name in shape.columns if name not in table.columns]
        if unknown:
            notes.append(f"{label} has columns that are not read: {', '.join(unknown)}.")
    return table, shape


def _match_table(shape: Shape, label: str, tables: list[RawTable]) -> RawTable:
    columns = set(shape.columns)

    def fitness(table: RawTable) -> tuple[bool, int]:
        return columns >= set(table.required), len(columns & set(table.columns))

    best = max(tables, key=fitness)
    missing = [name for name in best.required if name not in columns]
    if len(missing) * 2 > len(best.required) or not columns & set(best.columns):
        expected = ", ".join(best.required or best.columns[:5])
        raise UserError(
            f"{label} is no log that is known here: a file of {best.name} has the columns "
            f"{expected}; take the file out of the raw folder or give it its header."
        )
    if missing:
        plural = "s" if len(missing) > 1 else ""
        raise UserError(
            f"{label} lacks the mandatory column{plural} {', '.join(missing)} of {best.name}: "
            "export the file again with all mandatory columns."
        )
    return best


def _group(table: RawTable, root: Path, files: list[tuple[Path, Shape]]) -> list[dict[str, Any]]:
    groups: dict[Shape, list[str]] = {}
    for file, shape in files:
        if shape.format in ("json", "jsonl"):
            # a key may turn up for the first time behind the sample
            shape = Shape(shape.format, table.columns)
        groups.setdefault(shape, []).append(str(file))
    return [
        {
            "format": shape.format,
            "root": str(root),
            "paths": paths,
            "columns": list(shape.columns),
            **({"types": list(shape.types)} if shape.format == "parquet" else {}),
            **({"delimiter": shape.delimiter} if shape.format == "csv" else {}),
        }
        for shape, paths in groups.items()
    ]


def read_shape(file: Path, label: str, tables: list[RawTable]) -> Shape:
    """Tell one file's format and columns; raises UserError for what no reader could use."""
    with file.open("rb") as stream:
        magic = stream.read(4)
    if not magic:
        raise UserError(f"{label} is empty: take it out of the raw folder or export it again.")
    if magic == b"PAR1":
        return _read_parquet_shape(file, label)
    is_gzip = magic[:2] == b"\x1f\x8b"
    if is_gzip != (file.suffix.lower() == ".gz"):
        remedy = "give it the ending .gz" if is_gzip else "take the ending .gz from its name"
        state = "is packed with gzip" if is_gzip else "is not packed with gzip"
        raise UserError(f"{label} {state}, against its name: {remedy}.")
    too_long = _check_text(file, is_gzip, label)
    with _open(file, is_gzip) as stream:
        text = codecs.decode(stream.read(BLOCK), "utf-8-sig", "ignore")
    stripped = text.lstrip()
    if not stripped:
        raise UserError(f"{label} is empty: take it out of the raw folder or export it again.")
    if stripped[0] == "[":
        return _read_json_shape(file, is_gzip, label)
    if too_long is not None:
        raise UserError(
            f"{label} has a line of more than {LONGEST_LINE >> 20} MB (line {too_long}): "
            "take that line out of it."
        )
    if stripped[0] == "{" or file.name.lower().endswith(JSON_LINES_ENDINGS):
        return _read_json_lines_shape(file, is_gzip, label)
    return _read_csv_shape(text, label, tables)


def _open(file: Path, is_gzip: bool) -> IO[bytes]:
    return gzip.open(file, "rb") if is_gzip else file.open("rb")  # type: ignore[return-value]


def _blocks(file: Path, is_gzip: bool, label: str) -> Iterator[bytes]:
    try:
        with _open(file, is_gzip) as stream:
            while block := stream.read(BLOCK):
                yield block
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(
            f"{label} is a broken gzip file: copy or export it again, complete."
        ) from None


def _check_text(file: Path, is_gzip: bool, label: str) -> int | None:
    """Refuse what is no UTF-8 text; gives the number of the first line that is too long."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, length, too_long = 1, 0, None
    for block in _blocks(file, is_gzip, label):
        if line == 1 and block[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise UserError(f"{label} is UTF-16 text: save it as UTF-8.")
        if b"\0" in block:
            raise UserError(
                f"{label} is no log that is known here: it is neither text nor Parquet; "
                "take it out of the raw folder."
            )
        if (cut := block.find(b"\1")) >= 0:
            line += block.count(b"\n", 0, cut)
            raise UserError(
                f"{label} has the control character U+0001 in line {line}, where the line would be"
                " cut: take it out."
            )
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            line += block.count(b"\n", 0, max(0, error.start - len(error.object) + len(block)))
            raise UserError(f"{label} is not UTF-8 text (line {line}): save it as UTF-8.") from None
        first = block.find(b"\n")
        length += len(block) if first < 0 else first
        if length > LONGEST_LINE and too_long is None:
            too_long = line
        if first >= 0:
            length = len(block) - block.rfind(b"\n") - 1
        line += block.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise UserError(f"{label} is not UTF-8 text (line {line}): save it as UTF-8.") from None
    return too_long


def _read_parquet_shape(file: Path, label: str) -> Shape:
    from exporter.raw.probe import describe_parquet

    described = describe_parquet(file)
    if described is None:
        raise UserError(f"{label} is a broken Parquet file: copy or export it again, complete.")
    columns, has_records = described
    names = tuple(name for name, _ in columns)
    _refuse_duplicates(names, label)
    types = tuple(kind for _, kind in columns)
    return Shape("parquet", names, types=types, has_records=has_records)


def _read_json_shape(file: Path, is_gzip: bool, label: str) -> Shape:
    from exporter.raw.probe import is_valid_json

    content = b"".join(_blocks(file, is_gzip, label)).decode("utf-8-sig")
    if not is_valid_json(content):
        place = ""
        try:
            json.loads(content)
        except json.JSONDecodeError as error:
            place = f" (line {error.lineno}, column {error.colno}: {error.msg})"
        raise UserError(
            f"{label} is a JSON array that can't be read{place}: mend it or export it again."
        )
    decoder = json.JSONDecoder()
    position = content.index("[") + 1
    keys: dict[str, None] = {}
    records = 0
    for _ in range(SAMPLE_RECORDS):
        while content[position] in " \t\r\n,":
            position += 1
        if content[position] == "]":
            break
        element, position = decoder.raw_decode(content, position)
        records += 1
        if isinstance(element, dict):
            keys.update(dict.fromkeys(element))
    if records and not keys:
        raise UserError(
            f"{label} is no log that is known here: its array holds no JSON objects; "
            "take it out of the raw folder."
        )
    return Shape("json", tuple(keys), has_records=records > 0)


def _read_json_lines_shape(file: Path, is_gzip: bool, label: str) -> Shape:
    keys: dict[str, None] = {}
    with _open(file, is_gzip) as stream:
        for number, line in enumerate(stream):
            if keys and number >= SAMPLE_RECORDS:
                break
            try:
                record = json.loads(line.decode("utf-8-sig"))
            except ValueError:
                continue
            if isinstance(record, dict):
                keys.update(dict.fromkeys(record))
    if not keys:
        raise UserError(
            f"{label} is no log that is known here: no line is a JSON object; give it one "
            "object per line or take it out of the raw folder."
        )
    return Shape("jsonl", tuple(keys))


def _read_csv_shape(text: str, label: str, tables: list[RawTable]) -> Shape:
    if text[0] in "\r\n":
        raise UserError(f"{label} begins with an empty line: put its header on the first line.")
    line, _, rest = text.partition("\n")
    line = line.rstrip("\r")
    if "\r" in line:
        raise UserError(
            f"{label} ends its lines with a carriage return alone: save it with line feeds."
        )
    if line.count('"') % 2:
        raise UserError(f"{label} has an open quote in its header: close it on the first line.")
    known = {column for table in tables for column in table.columns}

    def parse(delimiter: str) -> list[str]:
        return next(csv.reader(io.StringIO(line), delimiter=delimiter), [])

    # the delimiter that finds most known columns; of equals, the one that finds most columns
    delimiter = max(DELIMITERS, key=lambda sign: (len(known & set(parse(sign))), len(parse(sign))))
    names = [name.strip() for name in parse(delimiter)]
    _refuse_duplicates([name for name in names if name], label)
    # a column without a name can't be read, but it counts
    columns = [name or f"_unnamed_{place}" for place, name in enumerate(names, start=1)]
    return Shape("csv", tuple(columns), delimiter=delimiter, has_records=bool(rest.strip()))


def _refuse_duplicates(names: tuple[str, ...] | list[str], label: str) -> None:
    seen: set[str] = set()
    for name in names:
        # DuckDB doesn't tell names apart that differ only in their case
        if name.lower() in seen:
            raise UserError(
                f"{label} has the column {name} twice in its header: give each column a name "
                "of its own."
            )
        seen.add(name.lower())
