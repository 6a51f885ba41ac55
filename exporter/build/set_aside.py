"""What a build may go on without: not what a closed period holds, and never without a word."""

from __future__ import annotations

from pathlib import Path

from exporter.build import totals
from exporter.errors import UserError
from exporter.extract.manifest import describe_build
from exporter.home import Home
from exporter.raw.plan import Fault, RawPlan

# the raw table that closes periods
CLOSINGS = "billing_periods"


def check_closed_periods(home: Home, plan: RawPlan) -> None:
    """Refuse to set aside a file whose rows may stand in a closed period already."""
    if not plan.faults or CLOSINGS not in plan.raw_files or not home.database.exists():
        return
    counts = totals.count_readable_records(home.published())
    if known := [fault.file for fault in plan.faults if counts.get(fault.file, (0, ""))[0]]:
        raise UserError(
            f"{', '.join(known)} can't be set aside: the published build holds its records, which "
            f"may stand in billing periods that {CLOSINGS} closes. Mend the file."
        )


def note_mended_files(home: Home, plan: RawPlan) -> None:
    """Note what the published build was made without, where periods may be closed since then."""
    if CLOSINGS not in plan.raw_files or not home.database.exists():
        return
    before = {fault["file"] for fault in describe_build(home.published()).get("set_aside", [])}
    before -= {fault.file for fault in plan.faults}
    plan.remarks += [
        f"{file.label} was set aside before and is read now: its calls of closed periods are late "
        "calls where their ingested_at lies after the closing, and change what is closed elsewhere."
        for file in plan.read
        if file.label in before
    ]


def check_rejected_files(home: Home, plan: RawPlan, database: Path, *, set_aside: bool) -> None:
    """Take a file without a readable line for one that can't be read."""
    usage = {file.label for file in plan.read if file.table.folder in plan.usage_sources}
    for file, (readable, fault) in totals.count_readable_records(database).items():
        if not readable:
            reason = (
                f"No line of {file} can be read, the first because: "
                f"{' '.join(fault.split()).rstrip('.')}; "
                "mend the file or take it out of the raw folder."
            )
            plan.faults.append(Fault(file, reason, file in usage))
    try:
        plan.check(set_aside=set_aside)
        check_closed_periods(home, plan)
    except UserError as error:
        raise UserError(f"{error} Nothing was published.") from None
