"""The manifest beside an extract: what the file holds, where it came from, what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.datasets import ALLOCATED_COST, DATASETS
from exporter.extract.coverage import Compared, Coverage, Missing
from exporter.extract.missing import describe_cost, exact_text
from exporter.extract.selection import Selection
from exporter.extract.writer import Extract, Measure, Total
from exporter.home import DESCRIPTION
from exporter.words import count_text, cut_share, reason_text


def read_build(database: Path) -> dict[str, str | None]:
    """Name the build that a resolved DuckDB file belongs to.

    `build_id` is null for a file that plain `dbt build` wrote; its `finished_at` is unknown too.
    """
    folder = database.parent
    content = _read_description(database)
    name = folder.name if folder.parent.name == "builds" else None
    return {
        "build_id": content.get("build_id", name),
        "finished_at": content.get("finished_at"),
    }


def describe_build(database: Path) -> dict[str, Any]:
    """Name the build, and the raw files that were left out of it, where some were."""
    set_aside = _read_description(database).get("set_aside")
    return {**read_build(database), **({"set_aside": set_aside} if set_aside else {})}


def _read_description(database: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((database.parent / DESCRIPTION).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def describe_coverage(coverage: Coverage) -> dict[str, Any]:
    """Lay out a coverage, what is missing first; shares are cut off, so that 1 means all."""
    missing, until = coverage.missing, coverage.usage_until
    return {
        "missing_calls": missing.calls,
        "missing_tokens": missing.tokens,
        "missing_stated_cost": None
        if missing.stated_cost is None
        else exact_text(missing.stated_cost),
        "stated_cost_currency": missing.currency,
        "unknown_cost_calls": missing.unknown_calls,
        "missing_buckets": coverage.missing_buckets,
        "calls": coverage.calls,
        "priced_calls": coverage.priced_calls,
        "priced_calls_share": _share(coverage.priced_calls, coverage.calls),
        "tokens": coverage.tokens,
        "priced_tokens": coverage.priced_tokens,
        "priced_tokens_share": _share(coverage.priced_tokens, coverage.tokens),
        **_describe_compared(coverage.compared),
        "quarantined_calls": dict(coverage.held_back),
        "usage_until": None if until is None else f"{until:%Y-%m-%dT%H:%M:%SZ}",
        "waiting_for": coverage.waiting,
    }


def _describe_compared(compared: Compared) -> dict[str, Any]:
    return {
        "compared_calls": compared.calls,
        "differing_calls": compared.differing_calls,
        "unexplained_calls": compared.unexplained_calls,
        "equal_calls_share": _share(compared.calls - compared.differing_calls, compared.calls),
        "explained_calls_share": _share(
            compared.differing_calls - compared.unexplained_calls, compared.calls
        ),
        "unexplained_calls_share": _share(compared.unexplained_calls, compared.calls),
        "compared_stated_cost": None if compared.cost is None else exact_text(compared.cost),
        "equal_stated_cost_share": _share(compared.equal_cost, compared.cost),
        "explained_stated_cost_share": _share(compared.explained_cost, compared.cost),
        "unexplained_stated_cost_share": _share(compared.unexplained_cost, compared.cost),
    }


def cut_allocated(total: Total) -> str | None:
    """Give the share of the effective cost that has a department, cut off; 1 means all."""
    allocated, cost = (total.costs.get(name) for name in (ALLOCATED_COST, "EffectiveCost"))
    return _share(*(None if it is None else Decimal(it) for it in (allocated, cost)))


def _share(part: int | Decimal | None, whole: int | Decimal | None) -> str | None:
    share = cut_share(part, whole, 6)
    return None if share is None else f"{share.normalize():f}"


def describe(
    *,
    file: Path,
    fmt: str,
    compress: str | None,
    safe_csv: bool,
    bom: bool,
    selection: Selection,
    filters: Sequence[tuple[str, str]],
    extract: Extract,
    measure: Measure,
    coverage: Coverage | None,
    rejected_rows: int | None,
    dataset_instance_id: str | None,
    schema_id: str | None,
    build: dict[str, Any],
    tool_version: str,
) -> dict[str, Any]:
    """Put a manifest together, without size and hash: keys always stand in the same order."""
    dataset = selection.dataset
    manifest: dict[str, Any] = {
        "file": file.name,
        "dataset": dataset.name,
        "focus_dataset_id": dataset.focus_id,
        "focus_version": selection.focus_version,
        "grain": selection.grain,
        # a file without some of a version's columns is none that a tool can count on
        "conformant": dataset.focus_id is not None and selection.columns is None,
        "intended_for": dataset.intended_for,
        "dataset_instance_id": dataset_instance_id,
        "schema_id": schema_id,
        "format": fmt,
        "compression": compress,
        "safe_csv": safe_csv,
        "bom": bom,
        "from": selection.from_date.isoformat() if selection.from_date else None,
        "to": selection.to_date.isoformat() if selection.to_date else None,
        "billing_period": f"{selection.billing_period:%Y-%m}" if selection.billing_period else None,
        "filters": [{"column": name, "value": value} for name, value in filters],
        "columns": [column.name for column in extract.columns],
        "rows": measure.rows,
        "costs": [
            {
                "currency": total.currency,
                "rows": total.rows,
                **total.costs,
                **({"allocated_cost_share": cut_allocated(total)} if dataset.allocates else {}),
            }
            for total in measure.currencies
        ],
        "coverage": describe_coverage(coverage) if coverage is not None else None,
        "rejected_rows": rejected_rows,
        "build": build,
        "tool_version": tool_version,
        "written_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if dataset.focus_id is None and coverage is not None:
        manifest["left_out_calls"] = coverage.missing.calls
        manifest["left_out_buckets"] = coverage.buckets
    return manifest


def describe_gaps(manifest: dict[str, Any]) -> str | None:
    """Say in one sentence what the extract's dates lack; None when they are complete."""
    parts = []
    coverage = manifest["coverage"]
    if coverage is not None and coverage["quarantined_calls"]:
        reasons = ", ".join(
            f"{reason_text(reason)}: {count:,}"
            for reason, count in coverage["quarantined_calls"].items()
        )
        stated = coverage["missing_stated_cost"]
        missing = Missing(
            calls=coverage["missing_calls"],
            tokens=coverage["missing_tokens"],
            stated_cost=None if stated is None else Decimal(stated),
            currency=coverage["stated_cost_currency"],
            unknown_calls=coverage["unknown_cost_calls"],
        )
        calls = f"{missing.calls:,} of {count_text(coverage['calls'], 'call')}"
        verb = "is" if missing.calls == 1 else "are"
        parts.append(f"{calls} {verb} not priced yet ({describe_cost(missing)}; {reasons})")
    if coverage is not None and coverage["missing_buckets"]:
        sums = count_text(coverage["missing_buckets"], "sum")
        verb = "is" if coverage["missing_buckets"] == 1 else "are"
        parts.append(f"{sums} of usage reports {verb} not priced yet")
    if manifest.get("left_out_buckets"):
        sums = count_text(manifest["left_out_buckets"], "sum")
        parts.append(f"{sums} of usage reports, which are no calls, can't be in it")
    if manifest["rejected_rows"]:
        parts.append(f"{count_text(manifest['rejected_rows'], 'line')} can't be read")
    if files := manifest["build"].get("set_aside"):
        verb = "was" if len(files) == 1 else "were"
        parts.append(f"{count_text(len(files), 'raw file')} {verb} set aside")
    return " and ".join(parts) or None


def manifest_path(file: Path) -> Path:
    """Name the manifest of a file."""
    return file.with_name(file.name + ".manifest.json")


def read_manifest(file: Path) -> dict[str, Any] | None:
    """Read the manifest beside a file; None where there is none of an extract of this name."""
    try:
        content = json.loads(manifest_path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(content, dict) and content.get("file") == file.name
    return content if is_ours and content.get("dataset") in DATASETS else None


def to_text(manifest: dict[str, Any]) -> str:
    """Write a manifest as JSON text."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
