"""Give a copy of the project a synthetic price book of any size.

    python tests/benchmark/generate_prices.py --prices 20000 --project COPY

The small book has the prices of the models that generate_calls.py uses, one each. A larger one
grows as a real one does, in both ways at once: each price has nine predecessors, each older than
the next by a quarter, and there are more models, copies under other names. The costs of calls in
the quarters differ, so a wrong choice shows in the totals.
"""

import argparse
import csv
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path

from generate_calls import MODELS

PRICING, REFERENCE = Path("seeds/pricing"), Path("seeds/reference")
BASE_SIZE = 200
QUARTERS = [date(year, month, 1) for year in (2024, 2025, 2026) for month in (1, 4, 7, 10)][2:]

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """Read a seed."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(path: Path, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Write a seed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def used_models(project: Path) -> set[tuple[str, str]]:
    """Provider and model, as the book spells them, of the calls."""
    aliases = {
        row["alias"]: row["provider"]
        for row in read(project / REFERENCE / "ai_provider_aliases.csv")
    }
    return {(aliases[provider], model) for provider, model, *_ in MODELS}


def quarterly(row: Row, copy: int, number: int, of: int) -> Row:
    """One of the prices that follow each other under a key, under a name of its own."""
    start = QUARTERS[len(QUARTERS) - of + number]
    model = row["model"] if copy == 0 else f"{row['model']}-copy-{copy}"
    price = Decimal(row["unit_price"]) * (100 + number) / 100
    return {
        **row,
        "price_id": f"{copy}/{number}/{row['price_id']}",
        "model": model,
        "unit_price": f"{price:.12f}".rstrip("0").rstrip("."),
        # the oldest is open to the past
        "valid_from": start.isoformat() if number else "",
        "valid_to": "",
        "valid_from_basis": "effective" if number else "unknown",
    }


def make_book(base: list[Row], size: int) -> list[Row]:
    """Make this many rows of the base: all of its keys in each model, their history in quarters."""
    quarters = min(len(QUARTERS), max(size // len(base), 1))
    rows: list[Row] = []
    copy = 0
    while len(rows) < size:
        rows += [
            quarterly(row, copy, number, quarters) for row in base for number in range(quarters)
        ]
        copy += 1
    return rows[:size]


def give_book(project: Path, size: int) -> int:
    """Replace the price book of a project, and what refers to its models; rows of the new one."""
    used = used_models(project)
    seed = project / PRICING / "ai_list_prices.csv"
    everything = read(seed)
    # one price of each key, the one that is in force
    latest = {}
    for row in sorted(everything, key=lambda row: row["valid_from"]):
        if (row["provider"], row["model"]) in used:
            latest[row["price_id"].rpartition("/from-")[0]] = row
    rows = make_book(list(latest.values())[:BASE_SIZE], size)
    write(seed, everything[0].keys(), rows)

    models = {(row["provider"], row["model"]) for row in rows}
    catalogue = read(project / REFERENCE / "ai_models.csv")
    known = {(row["provider"], row["model"]): row for row in catalogue}
    write(
        project / REFERENCE / "ai_models.csv",
        catalogue[0].keys(),
        [
            {**known[provider, model.partition("-copy-")[0]], "model": model}
            for provider, model in sorted(models)
        ],
    )
    for path in (REFERENCE / "ai_model_aliases.csv", PRICING / "ai_price_multipliers.csv"):
        named = read(project / path)
        kept = [row for row in named if (row["provider"], row["model"]) in models]
        write(project / path, named[0].keys(), kept)
    return len(rows)


def main() -> None:
    """Parse the arguments and write the seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prices", type=int, default=BASE_SIZE)
    parser.add_argument("--project", type=Path, required=True, help="a copy, since it is changed")
    arguments = parser.parse_args()
    print(give_book(arguments.project, arguments.prices))


if __name__ == "__main__":
    main()
