"""The price book: list_prices.csv and the reference seeds beside it. Rows are only ever appended.

Prices are exact decimals and are compared, never calculated with. Instants are UTC without a zone.
"""

from __future__ import annotations

import csv
import io
import os
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from pathlib import Path

from exporter.errors import UserError
from exporter.project import load_project

BOOK = Path("seeds") / "pricing" / "list_prices.csv"
REVIEWED = "reviewed_differences.csv"
EFFECTIVE = "effective"
VERIFIED_ON = "verified_on"
UNKNOWN = "unknown"
BASES = (EFFECTIVE, VERIFIED_ON, UNKNOWN)
# decimal(20, 12), the type of a price
DECIMALS = 12
WHOLE_DIGITS = 8
# a list's cache write of unnamed lifetime is the default one; lists have one word for searches,
# also where the prompt costs that they are for
_SAME_METERS = {
    "cache_write": "cache_write_5m",
    "cache_write_5m": "cache_write",
    "web_search": "grounded_prompt",
}
PACKAGE_FOLDERS = ("site-packages", "dist-packages")


@dataclass(frozen=True, order=True)
class Key:
    """What a price is for; its rows follow each other in time. A source names no region."""

    provider: str
    model: str
    meter: str
    service_tier: str = "standard"
    processing_mode: str = "realtime"
    context_threshold: int = 0
    context_inclusive: bool = False
    daily_window_start: str = ""
    daily_window_end: str = ""
    weekdays: str = ""
    region_id: str = ""

    @property
    def without_place(self) -> Key:
        """The key without region and weekdays, which most sources don't name."""
        return replace(self, region_id="", weekdays="")

    def describe(self) -> str:
        """Name the key in words; what is ordinary is left out."""
        words = [self.provider, self.model, self.meter]
        words += [self.service_tier] if self.service_tier != "standard" else []
        words += [self.processing_mode] if self.processing_mode != "realtime" else []
        if self.context_threshold:
            sign = ">=" if self.context_inclusive else ">"
            words.append(f"context {sign} {self.context_threshold}")
        if self.daily_window_start:
            words.append(f"{self.daily_window_start}-{self.daily_window_end} UTC")
        words += [f"weekdays {self.weekdays}"] if self.weekdays else []
        words += [self.region_id] if self.region_id else []
        return " ".join(words)


@dataclass(frozen=True)
class Segment:
    """A price from a start until the next segment of its key; None is open to the past."""

    start: datetime | None
    # None where the key ends
    price: Decimal | None
    basis: str = UNKNOWN

    def describe(self) -> str:
        """Say since when the price holds."""
        return f"{day_text(self.start)} {self.basis}" if self.start else self.basis


Timeline = list[Segment]


@dataclass(frozen=True)
class Row:
    """A row of the price book, typed."""

    price_id: str
    key: Key
    price: Decimal
    region_scope: str
    valid_from: datetime | None
    valid_to: datetime | None
    basis: str
    recorded_at: datetime
    source: str
    source_ref: str


@dataclass(frozen=True)
class NewPrice:
    """A row that is proposed, and the price that it follows."""

    key: Key
    price: Decimal
    valid_from: datetime | None
    basis: str
    region_scope: str
    source: str
    source_ref: str
    valid_to: datetime | None = None
    old: Segment | None = None
    replaces: str | None = None


@dataclass(frozen=True)
class NewModel:
    """A row that is proposed for models.csv."""

    provider: str
    model: str
    model_developer: str
    model_family: str
    model_version: str = ""


@dataclass(frozen=True)
class Review:
    """A difference that somebody judged; it applies only while both prices are the same."""

    provider: str
    model: str
    meter: str
    service_tier: str
    processing_mode: str
    context_threshold: int
    source: str
    book_price: Decimal
    source_price: Decimal
    reason: str
    line: int = field(default=0, compare=False)


@dataclass
class Table:
    """A CSV file as it is: header, rows with their line numbers, and how its lines end."""

    path: Path
    columns: list[str]
    rows: list[tuple[int, dict[str, str]]]
    newline: str


@dataclass
class Book:
    """The price book with the reference seeds that its rows lean on."""

    table: Table
    rows: list[Row]
    models: dict[tuple[str, str], str]
    model_aliases: dict[tuple[str, str], str]
    provider_aliases: dict[str, str]
    blocks: dict[str, int]
    models_table: Table
    timelines: dict[Key, Timeline] = field(default_factory=dict)
    rows_of_model: dict[tuple[str, str], list[Row]] = field(default_factory=dict)
    keys: dict[Key, list[Key]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort the rows into timelines."""
        by_key: dict[Key, list[Row]] = defaultdict(list)
        by_model: dict[tuple[str, str], list[Row]] = defaultdict(list)
        by_place: dict[Key, list[Key]] = defaultdict(list)
        for row in self.rows:
            by_key[row.key].append(row)
            by_model[row.key.provider, row.key.model].append(row)
        for key in by_key:
            by_place[key.without_place].append(key)
        self.timelines = {key: to_timeline(rows) for key, rows in by_key.items()}
        self.rows_of_model, self.keys = dict(by_model), dict(by_place)

    @property
    def newest_record(self) -> datetime:
        """The latest recorded_at."""
        return max(row.recorded_at for row in self.rows)

    def model_of(self, provider: str, name: str) -> str | None:
        """Give the model that a name is an alias of; a star ends an alias that is a prefix."""
        name = name.lower()
        found = self.model_aliases.get((provider, name))
        prefixes = [
            alias
            for seller, alias in self.model_aliases
            if seller == provider and alias.endswith("*") and name.startswith(alias[:-1])
        ]
        if found is None and prefixes:
            found = self.model_aliases[provider, max(prefixes, key=len)]
        return found

    def _goes_on(self, key: Key) -> bool:
        return self.timelines[key][-1].price is not None

    def find(self, key: Key) -> Key | None:
        """Give the book's key for a source's key, which names no region and mostly no weekdays.

        None where the book has no such price, has it for several regions, or for other weekdays
        than the source says. A price that ended or was withdrawn gives way to one that did not.
        """
        found = [*self.keys.get(key.without_place, [])]
        if key.meter in _SAME_METERS and not any(map(self._goes_on, found)):
            found += self.keys.get(replace(key.without_place, meter=_SAME_METERS[key.meter]), [])
        found = [one for one in found if self._goes_on(one)] or found
        for attribute in ("region_id", "weekdays"):
            values = {getattr(one, attribute) for one in found}
            wanted = getattr(key, attribute)
            if wanted not in values:
                if wanted or len(values) != 1:
                    return None
                wanted = values.pop()
            found = [one for one in found if getattr(one, attribute) == wanted]
        return found[0] if found else None


def to_timeline(rows: Iterable[Row]) -> Timeline:
    """Put the rows of one key in order; of two with one start, the one recorded later counts."""
    counted: dict[datetime | None, Row] = {}
    for row in sorted(rows, key=lambda row: row.recorded_at):
        counted[row.valid_from] = row
    ordered = sorted(counted.values(), key=lambda row: row.valid_from or datetime.min)
    timeline: Timeline = []
    for number, row in enumerate(ordered):
        timeline.append(Segment(row.valid_from, row.price, row.basis))
        following = ordered[number + 1].valid_from if number + 1 < len(ordered) else None
        if row.valid_to and (following is None or row.valid_to < following):
            timeline.append(Segment(row.valid_to, None, EFFECTIVE))
    return timeline


def segment_at(timeline: Timeline, instant: datetime) -> Segment | None:
    """Give the segment in force; the first one is open to the past unless its date is effective."""
    starts = [segment.start or datetime.min for segment in timeline]
    if timeline and timeline[0].basis != EFFECTIVE:
        starts[0] = datetime.min
    position = bisect_right(starts, instant)
    return timeline[position - 1] if position else None


def price_at(timeline: Timeline, instant: datetime) -> Decimal | None:
    """Give the price in force, or None."""
    segment = segment_at(timeline, instant)
    return segment.price if segment else None


def load_book(book: Path | None) -> Book:
    """Read the price book, by default the project's, and the reference seeds of its project.

    Raises UserError that names file, line and column of what can't be read.
    """
    path = book or load_project().path / BOOK
    table = read_table(path, [*_ROW_COLUMNS])
    reference = _reference_folder(path)
    models = read_table(reference / "models.csv", [one.name for one in fields(NewModel)])
    aliases = read_table(reference / "model_aliases.csv", ["provider", "alias", "model"])
    providers = read_table(reference / "provider_aliases.csv", ["alias", "provider"])
    meters = read_table(reference / "meters.csv", ["meter", "pricing_block"])
    blocks = {
        row["meter"]: int(_number(meters, line, row, "pricing_block")) for line, row in meters.rows
    }
    rows = [_to_row(table, line, row, blocks) for line, row in table.rows]
    if not rows:
        raise UserError(f"{path} has no price: name a price book with --book.")
    return Book(
        table=table,
        rows=rows,
        models={(row["provider"], row["model"]): row["model_developer"] for _, row in models.rows},
        model_aliases={
            (row["provider"], row["alias"].lower()): row["model"] for _, row in aliases.rows
        },
        provider_aliases={row["alias"]: row["provider"] for _, row in providers.rows},
        blocks=blocks,
        models_table=models,
    )


def load_reviews(book: Book, file: Path | None) -> list[Review]:
    """Read the reviewed differences: the file named, else the one beside the book, if any."""
    path = file or book.table.path.parent / REVIEWED
    if file is None and not path.exists():
        return []
    table = read_table(path, [one.name for one in fields(Review) if one.name != "line"])
    reviews = []
    for line, row in table.rows:
        if not row["reason"].strip():
            raise UserError(f"{path}, line {line}: reason is empty: say why both prices stand.")
        reviews.append(
            Review(
                **{
                    **row,
                    "context_threshold": int(_number(table, line, row, "context_threshold")),
                    "book_price": _number(table, line, row, "book_price"),
                    "source_price": _number(table, line, row, "source_price"),
                    "line": line,
                }  # type: ignore[arg-type]
            )
        )
    return reviews


def read_table(path: Path, columns: list[str]) -> Table:
    """Read a CSV file by its header; raises UserError for what is no such file."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"There is no file {path}: check its path.") from None
    except OSError as error:
        raise UserError(
            f"{path} can't be read ({error.strerror}): name a file you may read."
        ) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no UTF-8 text: save it as a CSV file in UTF-8.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
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
            rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: {error}: mend the row.") from None
    first_line = text.partition("\n")[0]
    return Table(path, header, rows, "\r\n" if first_line.endswith("\r") else "\n")


def may_be_written(path: Path) -> bool:
    """Tell whether a file is the user's own: not one of an installed package."""
    resolved = path.resolve()
    if any(part in PACKAGE_FOLDERS for part in resolved.parts):
        return False
    package = Path(__file__).resolve().parents[1]
    return not resolved.is_relative_to(package)


def append(
    book: Book, prices: list[NewPrice], models: list[NewModel], recorded_at: datetime
) -> None:
    """Append the rows; what stands in the files keeps its bytes. Models go first."""
    for path in [book.table.path, *([book.models_table.path] if models else [])]:
        if not may_be_written(path):
            raise UserError(
                f"{path} belongs to the installed package, which an update would replace: "
                f"name the price book of your own project with --book (…/{BOOK})."
            )
    new_models = [{one.name: getattr(model, one.name) for one in fields(model)} for model in models]
    _append(book.models_table, new_models)
    _append(book.table, to_cells(book, prices, recorded_at))


def to_cells(book: Book, prices: list[NewPrice], recorded_at: datetime) -> list[dict[str, str]]:
    """Give new prices as the cells of their rows."""
    taken = {row.price_id for row in book.rows}
    cells = []
    for new in prices:
        key = new.key
        price_id = _price_id(new)
        if price_id in taken:
            price_id += f"/recorded-{day_text(recorded_at)}"
        if price_id in taken:
            raise UserError(
                f"{book.table.path} has a row {price_id} already: a price can't be corrected "
                "twice at one instant, so leave --as-of out."
            )
        taken.add(price_id)
        cells.append(
            {
                "price_id": price_id,
                "provider": key.provider,
                "model": key.model,
                "meter": key.meter,
                "unit_price": price_text(new.price),
                "currency": "USD",
                "pricing_block": str(book.blocks[key.meter]),
                "service_tier": key.service_tier,
                "processing_mode": key.processing_mode,
                "context_threshold": str(key.context_threshold),
                "context_inclusive": "true" if key.context_inclusive else "false",
                "context_rule": "cliff",
                "region_id": key.region_id,
                "region_scope": new.region_scope,
                "daily_window_start": key.daily_window_start,
                "daily_window_end": key.daily_window_end,
                "weekdays": key.weekdays,
                "valid_from": day_text(new.valid_from),
                "valid_to": day_text(new.valid_to),
                "valid_from_basis": new.basis,
                "recorded_at": day_text(recorded_at),
                "source": new.source,
                "source_ref": new.source_ref,
            }
        )
    return cells


def price_text(price: Decimal) -> str:
    """Write a price without exponent and without zeros at its end."""
    text = f"{price:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def day_text(instant: datetime | None) -> str:
    """Write an instant as a day where it is midnight."""
    if instant is None:
        return ""
    if instant.time() == datetime.min.time():
        return instant.date().isoformat()
    return instant.isoformat()


def fits(price: Decimal) -> bool:
    """Tell whether a price fits the type of prices without being rounded."""
    return (
        price.is_finite()
        and price >= 0
        and price < Decimal(10) ** WHOLE_DIGITS
        and price == price.quantize(Decimal(1).scaleb(-DECIMALS))
    )


def _reference_folder(book: Path) -> Path:
    """Give seeds/reference of the book's own project, else of the project that is installed."""
    folder = book.resolve().parent.parent / "reference"
    return folder if folder.is_dir() else load_project().path / "seeds" / "reference"


_ROW_COLUMNS = (
    *("price_id", "provider", "model", "meter", "unit_price", "currency", "pricing_block"),
    *("service_tier", "processing_mode", "context_threshold", "context_inclusive", "context_rule"),
    *("region_id", "region_scope", "daily_window_start", "daily_window_end", "weekdays"),
    *("valid_from", "valid_to", "valid_from_basis", "recorded_at", "source", "source_ref"),
)


def _to_row(table: Table, line: int, row: Mapping[str, str], blocks: Mapping[str, int]) -> Row:
    price = _number(table, line, row, "unit_price")
    if not fits(price):
        raise _broken(table, line, row, "unit_price", f"has more than {DECIMALS} decimals")
    if row["meter"] not in blocks:
        raise _broken(table, line, row, "meter", "is none of meters.csv")
    if row["currency"] != "USD":
        raise _broken(table, line, row, "currency", "is not USD, as the prices of the sources are")
    if row["pricing_block"] != str(blocks[row["meter"]]):
        raise _broken(table, line, row, "pricing_block", f"is not {blocks[row['meter']]}")
    if row["context_inclusive"] not in ("true", "false"):
        raise _broken(table, line, row, "context_inclusive", "is neither true nor false")
    if row["valid_from_basis"] not in BASES:
        raise _broken(table, line, row, "valid_from_basis", f"is none of {', '.join(BASES)}")
    recorded_at = _instant(table, line, row, "recorded_at")
    if recorded_at is None:
        raise UserError(f"{table.path}, line {line}: recorded_at is missing: write the day.")
    return Row(
        price_id=row["price_id"],
        key=Key(
            provider=row["provider"],
            model=row["model"],
            meter=row["meter"],
            service_tier=row["service_tier"],
            processing_mode=row["processing_mode"],
            context_threshold=int(_number(table, line, row, "context_threshold")),
            context_inclusive=row["context_inclusive"] == "true",
            daily_window_start=row["daily_window_start"],
            daily_window_end=row["daily_window_end"],
            weekdays=row["weekdays"],
            region_id=row["region_id"],
        ),
        price=price,
        region_scope=row["region_scope"],
        valid_from=_instant(table, line, row, "valid_from"),
        valid_to=_instant(table, line, row, "valid_to"),
        basis=row["valid_from_basis"],
        recorded_at=recorded_at,
        source=row["source"],
        source_ref=row["source_ref"],
    )


def _number(table: Table, line: int, row: Mapping[str, str], column: str) -> Decimal:
    try:
        number = Decimal(row[column])
    except InvalidOperation:
        raise _broken(table, line, row, column, "is no number") from None
    if not number.is_finite() or number < 0:
        raise _broken(table, line, row, column, "is no number of zero or more")
    return number


def _instant(table: Table, line: int, row: Mapping[str, str], column: str) -> datetime | None:
    text = row[column].strip()
    if not text:
        return None
    try:
        # Python 3.10 doesn't know Z
        instant = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise _broken(table, line, row, column, "is no date such as 2026-10-31") from None
    if instant.tzinfo is None:
        return instant
    return instant.astimezone(timezone.utc).replace(tzinfo=None)


def _broken(table: Table, line: int, row: Mapping[str, str], column: str, words: str) -> UserError:
    return UserError(f"{table.path}, line {line}: {column} {row[column]!r} {words}: mend the row.")


def _price_id(new: NewPrice) -> str:
    key = new.key
    threshold = f"{'ge' if key.context_inclusive else 'gt'}{key.context_threshold}"
    parts = [key.provider, key.model, key.meter, key.service_tier, key.processing_mode, threshold]
    parts += [key.region_id] if key.region_id else []
    if key.daily_window_start:
        window = f"{key.daily_window_start}-{key.daily_window_end}"
        parts.append(window.replace(":", ""))
    parts += [f"weekdays-{key.weekdays}"] if key.weekdays else []
    return "/".join([*parts, f"from-{day_text(new.valid_from) or 'open'}"])


def _append(table: Table, rows: list[dict[str, str]]) -> None:
    if not rows:
        return
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, table.columns, restval="", lineterminator=table.newline)
    writer.writerows(rows)
    added = buffer.getvalue().encode("utf-8")
    try:
        with table.path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(size - 1)
            if file.read(1) != b"\n":
                added = table.newline.encode() + added
            try:
                file.seek(size)
                file.write(added)
                file.flush()
            except OSError:
                file.truncate(size)
                raise
    except OSError as error:
        raise UserError(
            f"{table.path} can't be written ({error.strerror}): nothing was appended to it."
        ) from None
