"""Passes over a text file once, in blocks, to see that it can be read; makes copies that can be.

A copy is one in UTF-8 of a file in UTF-16, or one without lines that are too long.
"""

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
# what may stand for no value as a whole field of CSV
MARKERS = ("NULL", "\\N", "null", "None")
_MARKERS = {
    marker: re.compile(b"%b(?=[,;|\\t\\r\\n])(?<=[,;|\\t\\n]%b)" % (escaped, escaped))
    for marker in MARKERS
    for escaped in [re.escape(marker).encode()]
}
# a number with a comma, as a field between quotes: a file with other delimiters needs none
_QUOTED_COMMA = re.compile(rb'"-?[0-9]{1,20},[0-9][-+0-9.,eE]{0,30}"')
# what may straddle two blocks is no longer
_SEAM = 64


@dataclass(frozen=True)
class Passed:
    """What a pass over a text file has found."""

    # numbers of lines
    long_lines: tuple[int, ...] = ()
    # 1.000 is there
    has_ambiguous: bool = False
    # of MARKERS, those that stand between two delimiters
    markers: tuple[str, ...] = ()
    # "0,5" is there
    has_commas: bool = False
    # a copy of what is UTF-16
    utf8: Path | None = None


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


def start_of(file: Path, is_gzip: bool, label: str) -> bytes:
    """Give the first four bytes of a text."""
    return next(_blocks(file, is_gzip, label), b"")[:4]


def utf16_of(start: bytes) -> str | None:
    """Tell by the first four bytes whether text is UTF-16, and of which order; None if it isn't."""
    if start[:2] == b"\xff\xfe" and start[2:4] != b"\0\0":
        return "utf-16-le"
    if start[:2] == b"\xfe\xff":
        return "utf-16-be"
    # without a mark: a header begins with ASCII
    zeros = [byte == 0 for byte in start]
    if zeros == [False, True, False, True]:
        return "utf-16-le"
    return "utf-16-be" if zeros == [True, False, True, False] else None


def copy_as_utf8(file: Path, is_gzip: bool, label: str, encoding: str, copy: Path) -> None:
    """Copy a file of UTF-16 as UTF-8, not packed; each line keeps its number."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    with copy.open("wb") as out:
        try:
            for block in _blocks(file, is_gzip, label):
                text = decoder.decode(block)
                line += text.count("\n")
                out.write(text.encode())
            decoder.decode(b"", final=True)
        except UnicodeError:
            raise UserError(
                f"{label} is UTF-16 text that is broken (behind line {line}): copy or export it "
                "again, complete."
            ) from None


def check_text(file: Path, is_gzip: bool, label: str) -> Passed:
    """Refuse what is no UTF-8 text; tells what else a reader must know of it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    too_long: list[int] = []
    seen = _Seen()
    line, length = 1, 0
    for block in _blocks(file, is_gzip, label):
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
            raise _no_utf8(label, line) from None
        seen.look_at(block)
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
        raise _no_utf8(label, line) from None
    seen.look_at(b"\n")
    markers = tuple(marker for marker in MARKERS if marker in seen.found)
    return Passed(tuple(too_long), "." in seen.found, markers, "," in seen.found)


class _Seen:
    """The patterns that a pass has met, each of which is looked for until it is found."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._wanted = {".": _AMBIGUOUS, ",": _QUOTED_COMMA, **_MARKERS}
        self._before = b""

    def look_at(self, block: bytes) -> None:
        seam = self._before + block[:_SEAM]
        for name, pattern in list(self._wanted.items()):
            if pattern.search(block) or pattern.search(seam):
                self.found.add(name)
                del self._wanted[name]
        self._before = (self._before + block)[-_SEAM:]


def _no_utf8(label: str, line: int) -> UserError:
    return UserError(
        f"{label} is not UTF-8 text (line {line}): save it as UTF-8, or as UTF-16 with its mark."
    )


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
