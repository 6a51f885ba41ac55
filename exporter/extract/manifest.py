"""The manifest beside an extract: what the file holds, where it came from, what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

from exporter.extract.coverage import Coverage
from exporter.extract.selection import Selection
from exporter.extract.writer import Extract, Measure
from exporter.home import DESCRIPTION
from exporter.words import count_text, reason_text


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
    """Lay out a coverage; shares are cut off, not rounded, so that 1 means all."""
    return {
        "calls": coverage.calls,
        "priced_calls": coverage.priced_calls,
        "priced_calls_share": _share(coverage.priced_calls, coverage.calls),
        "tokens": coverage.tokens,
        "priced_tokens": coverage.priced_tokens,
        "priced_tokens_share": _share(coverage.priced_tokens, coverage.tokens),
        "quarantined_calls": dict(coverage.held_back),
    }


def _share(part: int, whole: int) -> str | None:
    if whole == 0:
        return None
    return f"{Decimal(part * 10**6 // whole).scaleb(-6).normalize():f}"


def describe(
    *,
    file: Path,
    fmt: str,
    compress: str | None,
    safe_csv: bool,
    selection: Selection,
    filters: Sequence[tuple[str, str]],
    extract: Extract,
    measure: Measure,
    coverage: Coverage | None,
    rejected_rows: int,
    dataset_instance_id: str | None,
    schema_id: str | None,
    build: dict[str, Any],
    tool_version: str,
) -> dict[str, Any]:
    """Put a manifest together, without size and hash: keys always stand in the same order."""
    manifest: dict[str, Any] = {
        "file": file.name,
        "dataset": selection.dataset.name,
        "focus_dataset_id": selection.dataset.focus_id,
        "focus_version": selection.focus_version,
        "grain": selection.grain,
        "dataset_instance_id": dataset_instance_id,
        "schema_id": schema_id,
        "format": fmt,
        "compression": compress,
        "safe_csv": safe_csv,
        "from": selection.from_date.isoformat() if selection.from_date else None,
        "to": selection.to_date.isoformat() if selection.to_date else None,
        "filters": [{"column": name, "value": value} for name, value in filters],
        "columns": [column.name for column in extract.columns],
        "rows": measure.rows,
        "costs": [
            {"currency": total.currency, "rows": total.rows, **total.costs}
            for total in measure.currencies
        ],
        "coverage": describe_coverage(coverage) if coverage is not None else None,
        "rejected_rows": rejected_rows,
        "build": build,
        "tool_version": tool_version,
        "written_at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if selection.dataset.focus_id is None and coverage is not None:
        manifest["left_out_calls"] = coverage.calls - coverage.priced_calls
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
        held = coverage["calls"] - coverage["priced_calls"]
        calls = f"{held:,} of {count_text(coverage['calls'], 'call')}"
        parts.append(f"{calls} {'is' if held == 1 else 'are'} not priced yet ({reasons})")
    if manifest["rejected_rows"]:
        parts.append(f"{count_text(manifest['rejected_rows'], 'line')} can't be read")
    if files := manifest["build"].get("set_aside"):
        verb = "was" if len(files) == 1 else "were"
        parts.append(f"{count_text(len(files), 'raw file')} {verb} set aside")
    return " and ".join(parts) or None


def to_text(manifest: dict[str, Any]) -> str:
    """Write a manifest as JSON text."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
