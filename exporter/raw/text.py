"""Passes over a text file once, in blocks, to see that it can be read; cuts lines out of it."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from exporter.errors import UserError

BLOCK = 1 << 20
# in bytes; macros/raw_duckdb.sql lets DuckDB read no longer one
LONGEST_LINE = 64 << 20
# 1.000 and the like, but no seconds of a time: what it is, macros/counts.sql tells
_AMBIGUOUS = re.compile(
    rb"\.000(?![0-9])(?:"
    + b"|".join(rb"(?<=[^0-9.:][1-9]" + rb"[0-9]" * more + rb"\.000)" for more in range(3))
    + b")"
)
_LONGEST_AMBIGUOUS = len(b",100.000,")


@dataclass(frozen=True)
class Passed:
    """What a pass over a text file has found: numbers of lines, and whether 1.000 is there."""

    long_lines: tuple[int, ...] = ()
    has_ambiguous: bool = False


def open_text(file: Path, is_gzip: bool) -> IO[bytes]:
    """Open a file that may be packed."""
    return gzip.open(file, "rb") if is_gzip else file.open("rb")  # type: ignore[return-value]


def _blocks(file: Path, is_gzip: bool, label: str) -> Iterator[bytes]:
    try:
        with open_text(file, is_gzip) as stream:
            while block := stream.read(BLOCK):
                yield block
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UserError(
            f"{label} is a broken gzip file: copy or export it again, complete."
        ) from None


def check_text(file: Path, is_gzip: bool, label: str) -> Passed:
    """Refuse what is no UTF-8 text; tells what else a reader must know of it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    too_long: list[int] = []
    has_ambiguous, before = False, b""
    line, length = 1, 0
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
        if not has_ambiguous:
            seam = before + block[:_LONGEST_AMBIGUOUS]
            has_ambiguous = bool(_AMBIGUOUS.search(block) or _AMBIGUOUS.search(seam))
            before = block[-_LONGEST_AMBIGUOUS:]
        first = block.find(b"\n")
        length += len(block) if first < 0 else first
        if length > LONGEST_LINE and too_long[-1:] != [line]:
            too_long.append(line)
        if first >= 0:
            length = len(block) - block.rfind(b"\n") - 1
        line += block.count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise UserError(f"{label} is not UTF-8 text (line {line}): save it as UTF-8.") from None
    return Passed(tuple(too_long), has_ambiguous)


def lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Give each line; of one that is too long nothing but the quote that it leaves open, if any."""
    while line := stream.readline(LONGEST_LINE + 1):
        if len(line) <= LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        quotes = line.count(b'"')
        while line and not line.endswith(b"\n"):
            line = stream.readline(BLOCK)
            quotes += line.count(b'"')
        yield b'"' * (quotes % 2) + b"\n"


def cut_long_lines(file: Path, is_gzip: bool, copy: Path) -> None:
    """Copy a file without what stands in lines that are too long; all lines keep their numbers."""
    with open_text(file, is_gzip) as stream, copy.open("wb") as out:
        if is_gzip:
            with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
                packed.writelines(lines(stream))
        else:
            out.writelines(lines(stream))


def describe_long_line(label: str, line: int) -> UserError:
    """Say that no reader takes a line."""
    return UserError(
        f"{label} has a line of more than {LONGEST_LINE >> 20} MB (line {line}): "
        "take that line out of it."
    )
