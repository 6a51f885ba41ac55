"""Adds the schemas of new or changed structures to exporter/focus/schema_registry.json.

Entries that stand there are never altered or removed: files delivered under them still refer to
them. Run it after a change of columns or of `version` in dbt_project.yml; `--check` only tells.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from exporter.focus.schemas import REGISTRY, read_registry, registry_entry, structures
from exporter.project import load_project


def main() -> int:
    """Register what is missing; with --check, exit 1 when something is."""
    project = load_project()
    created = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = read_registry()
    wanted = [registry_entry(project, structure, created) for structure in structures()]
    missing = [entry for entry in wanted if entry["SchemaId"] not in entries]
    for entry in missing:
        print(f"{entry['DatasetInstanceName']} {entry['FocusVersion']}: {entry['SchemaId']}")
    if "--check" in sys.argv[1:]:
        return 1 if missing else 0
    if missing:
        content = {"schemas": [*entries.values(), *missing]}
        REGISTRY.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
