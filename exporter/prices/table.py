"""CSV files of the price book, read with their line numbers; rows are only ever appended."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path

from exporter.errors import UserError


@dataclass(frozen=True)
class Line:
    """A row of a CSV file; what it can't be read as is a UserError that names line and column."""

    path: Path
    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """Give the text of a column."""
        return self.cells[column]

    def demand(self, column: str, is_good: bool, words: str) -> None:
        """Refuse the row, in `words`, unless a column is good."""
        if not is_good:
            raise self._broken(column, words)

    def number_of(self, column: str) -> Decimal:
        """Read a number of zero or more."""
        try:
            number = Decimal(self[column])
        except InvalidOperation:
            raise self._broken(column, "is no number") from None
        good = number.is_finite() and number >= 0
        self.demand(column, good, "is no number of zero or more")
        return number

    def instant_of(self, column: str) -> datetime | None:
        """Read a day or an instant, as UTC; None where the column is empty."""
        text = self[column].strip()
        if not text:
            return None
        try:
            # Python 3.10 doesn't know Z
            instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise self._broken(column, "is no date such as 2026-10-31") from None
        if instant.tzinfo is None:
            return instant
        return instant.astimezone(timezone.utc).replace(tzinfo=None)

    def _broken(self, column: str, words: str) -> UserError:
        return UserError(
            f"{self.path}, line {self.number}: {column} {self[column]!r} {words}: mend the row."
        )


@dataclass
class Table:
    """A CSV file as it is: header, rows, and how its lines end."""

    path: Path
    columns: list[str]
    lines: list[Line]
    newline: str

    def append(self, rows: list[dict[str, str]]) -> None:
        """Append rows; a file that is not there is made, and one that is keeps its bytes."""
        if not rows:
            return
        buffer = io.StringIO(newline="")
        csv.DictWriter(buffer, self.columns, lineterminator=self.newline).writerows(rows)
        added = buffer.getvalue().encode("utf-8")
        try:
            if not self.lines and not self.path.exists():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                header = f"{','.join(self.columns)}{self.newline}"
                self.path.write_bytes(header.encode() + added)
                return
            with self.path.open("r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    added = self.newline.encode() + added
                try:
                    file.seek(size)
                    file.write(added)
                    file.flush()
                except OSError:
                    file.truncate(size)
                    raise
        except OSError as error:
            raise UserError(
                f"{self.path} can't be written ({error.strerror}): nothing was appended to it."
            ) from None


def read_table(path: Path, columns: Iterable[str]) -> Table:
    """Read a CSV file by its header; raises UserError for what is no such file."""
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is no UTF-8 text: save it as a CSV file in UTF-8.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[Line] = []
    try:
        header = next(reader, [])
        missing = [column for column in columns if column not in header]
        if missing:
            raise UserError(f"{path} has no column {missing[0]}: it needs {', '.join(columns)}.")
        for cells in reader:
            if len(cells) != len(header):
                raise UserError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells stand under "
                    f"{len(header)} columns: mend the row."
                )
            lines.append(Line(path, reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}: mend the row.") from None
    first_line = text.partition("\n")[0]
    return Table(path, header, lines, "\r\n" if first_line.endswith("\r") else "\n")


def read_bytes(path: Path, option: str = "") -> bytes:
    """Read a file that was named, perhaps by an option; UserError where that is not possible."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"There is no file {path}: check {option or 'its path'}.") from None
    except OSError as error:
        named = f" with {option}" if option else ""
        raise UserError(
            f"{path} can't be read ({error.strerror}): name a file you may read{named}."
        ) from None
