"""The price book: ai_list_prices.csv, and the reference seeds beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from exporter.errors import UserError
from exporter.prices.table import Line, Table, read_table
from exporter.prices.timeline import BASES, DECIMALS, EFFECTIVE, Key, Segment, Timeline, fits
from exporter.project import load_project

BOOK = Path("seeds") / "pricing" / "ai_list_prices.csv"
# of a raw folder: the rows that updates appended
OWN_ROWS = Path("price_book") / "updates.csv"
# a list's cache write of unnamed lifetime is the default one; lists have one word for searches,
# also where the prompt costs that they are for
_SAME_METERS = {
    "cache_write": "cache_write_5m",
    "cache_write_5m": "cache_write",
    "web_search": "grounded_prompt",
}
_ROW_COLUMNS = (
    *("price_id", "provider", "model", "meter", "unit_price", "currency", "pricing_block"),
    *("service_tier", "processing_mode", "context_threshold", "context_inclusive", "context_rule"),
    *("region_id", "region_scope", "daily_window_start", "daily_window_end", "weekdays"),
    *("valid_from", "valid_to", "valid_from_basis", "recorded_at", "source", "source_ref"),
)
_DEVELOPERS = "ai_model_developers.csv"
_MODEL_COLUMNS = ("provider", "model", "model_developer", "model_family", "model_version")
_ALIAS_COLUMNS = ("provider", "alias", "model", "source", "recorded_at")
_Item = TypeVar("_Item")
_Group = TypeVar("_Group", bound=Hashable)


@dataclass(frozen=True, kw_only=True)
class Price:
    """A price as a row of the book has it."""

    key: Key
    price: Decimal
    region_scope: str
    valid_from: datetime | None
    valid_to: datetime | None
    basis: str
    source: str
    source_ref: str


@dataclass(frozen=True, kw_only=True)
class Row(Price):
    """A row of the price book."""

    price_id: str
    recorded_at: datetime


@dataclass
class Book:
    """The price book with the reference seeds that its rows lean on."""

    table: Table
    rows: list[Row]
    models: dict[tuple[str, str], str]
    model_aliases: dict[tuple[str, str], str]
    provider_aliases: dict[str, str]
    blocks: dict[str, int]
    units: dict[str, str]
    # (provider or empty, how a name's word begins or empty, developer), the first that fits counts
    developers: list[tuple[str, str, str]]
    sellers: dict[str, str]
    models_table: Table
    aliases_table: Table
    # where new rows belong that are not the book's own
    own_table: Table | None = None

    @cached_property
    def timelines(self) -> dict[Key, Timeline]:
        """The prices of each key in their order of time."""
        rows_of_key = _group(self.rows, attrgetter("key"))
        return {key: to_timeline(rows) for key, rows in rows_of_key.items()}

    @cached_property
    def rows_of_model(self) -> dict[tuple[str, str], list[Row]]:
        """The rows of each provider's model."""
        return _group(self.rows, lambda row: (row.key.provider, row.key.model))

    @cached_property
    def _keys(self) -> dict[Key, list[Key]]:
        return _group(self.timelines, attrgetter("without_place"))

    @property
    def newest_record(self) -> datetime:
        """The latest recorded_at."""
        return max(row.recorded_at for row in self.rows)

    @cached_property
    def names(self) -> dict[tuple[str, str], str]:
        """The models by their names in lower case: logs write them in either."""
        return {(provider, model.lower()): model for provider, model in self.models}

    def developer_of(self, provider: str, model: str) -> str | None:
        """Tell who made a model, by its provider or by a word of its name."""
        name = model.lower()
        for seller, word, developer in self.developers:
            if seller in ("", provider) and re.search(rf"(?<![a-z]){re.escape(word)}", name):
                return developer
        return None

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
        found = [*self._keys.get(key.without_place, [])]
        if key.meter in _SAME_METERS and not any(map(self._goes_on, found)):
            found += self._keys.get(replace(key.without_place, meter=_SAME_METERS[key.meter]), [])
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


def _group(
    items: Iterable[_Item], group_of: Callable[[_Item], _Group]
) -> dict[_Group, list[_Item]]:
    groups: dict[_Group, list[_Item]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    return groups


def to_timeline(rows: Iterable[Row]) -> Timeline:
    """Put the rows of one key in order; of two with one start, the one recorded later counts."""
    counted = {row.valid_from: row for row in sorted(rows, key=attrgetter("recorded_at"))}
    ordered = sorted(counted.values(), key=lambda row: row.valid_from or datetime.min)
    timeline: Timeline = []
    for number, row in enumerate(ordered, start=1):
        timeline.append(Segment(row.valid_from, row.price, row.basis))
        following = ordered[number].valid_from if number < len(ordered) else None
        if row.valid_to and (following is None or row.valid_to < following):
            timeline.append(Segment(row.valid_to, None, EFFECTIVE))
    return timeline


def load_book(book: Path | None, raw_dir: Path | None = None) -> Book:
    """Read the price book, by default the project's, and the reference seeds of its project.

    Beside the project's own, the rows that updates appended to a raw folder count.
    Raises UserError that names file, line and column of what can't be read.
    """
    path = book or load_project().path / BOOK
    table = read_table(path, _ROW_COLUMNS)
    # of the book's own project, else of the one that is installed
    reference = path.resolve().parent.parent / "reference"
    if not reference.is_dir():
        reference = load_project().path / "seeds" / "reference"
    models = read_table(reference / "ai_models.csv", _MODEL_COLUMNS)
    aliases = read_table(reference / "ai_model_aliases.csv", _ALIAS_COLUMNS)
    providers = read_table(reference / "ai_provider_aliases.csv", ["alias", "provider"])
    meters = read_table(reference / "ai_meters.csv", ["meter", "pricing_block", "consumed_unit"])
    developers = reference / _DEVELOPERS
    if not developers.exists():
        developers = load_project().path / "seeds" / "reference" / _DEVELOPERS
    makers_of = read_table(developers, ["provider", "word", "model_developer"])
    blocks = {line["meter"]: int(line.number_of("pricing_block")) for line in meters.lines}
    sellers = read_table(reference / "ai_providers.csv", ["provider", "service_provider_name"])
    own_table = _own_rows(raw_dir / OWN_ROWS) if raw_dir and book is None else None
    lines = [*table.lines, *(own_table.lines if own_table else [])]
    rows = [_to_row(line, blocks) for line in lines]
    if not rows:
        raise UserError(f"{path} has no price: name a price book with --book.")
    makers = {(one["provider"], one["model"]): one["model_developer"] for one in models.lines}
    names = {(one["provider"], one["alias"].lower()): one["model"] for one in aliases.lines}
    spellings = {one["alias"]: one["provider"] for one in providers.lines}
    return Book(
        table=table,
        rows=rows,
        models=makers,
        model_aliases=names,
        provider_aliases=spellings,
        blocks=blocks,
        units={line["meter"]: line["consumed_unit"] for line in meters.lines},
        developers=[
            (line["provider"], line["word"], line["model_developer"]) for line in makers_of.lines
        ],
        sellers={line["provider"]: line["service_provider_name"] for line in sellers.lines},
        models_table=models,
        aliases_table=aliases,
        own_table=own_table,
    )


def _own_rows(path: Path) -> Table:
    if path.exists():
        return read_table(path, _ROW_COLUMNS)
    return Table(path, list(_ROW_COLUMNS), [], "\n")


def _to_row(line: Line, blocks: dict[str, int]) -> Row:
    price = line.number_of("unit_price")
    line.demand("unit_price", fits(price), f"has more than {DECIMALS} decimals")
    line.demand("meter", line["meter"] in blocks, "is none of ai_meters.csv")
    is_usd = line["currency"] == "USD"
    line.demand("currency", is_usd, "is not USD, as the prices of the sources are")
    block = str(blocks[line["meter"]])
    line.demand("pricing_block", line["pricing_block"] == block, f"is not {block}")
    is_said = line["context_inclusive"] in ("true", "false")
    line.demand("context_inclusive", is_said, "is neither true nor false")
    is_basis = line["valid_from_basis"] in BASES
    line.demand("valid_from_basis", is_basis, f"is none of {', '.join(BASES)}")
    recorded_at = line.instant_of("recorded_at")
    if recorded_at is None:
        raise UserError(f"{line.path}, line {line.number}: recorded_at is missing: write the day.")
    key: dict[str, Any] = {one.name: line[one.name] for one in fields(Key)}
    key["context_threshold"] = int(line.number_of("context_threshold"))
    key["context_inclusive"] = line["context_inclusive"] == "true"
    return Row(
        price_id=line["price_id"],
        key=Key(**key),
        price=price,
        region_scope=line["region_scope"],
        valid_from=line.instant_of("valid_from"),
        valid_to=line.instant_of("valid_to"),
        basis=line["valid_from_basis"],
        recorded_at=recorded_at,
        source=line["source"],
        source_ref=line["source_ref"],
    )
