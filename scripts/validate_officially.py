"""Judges FOCUS files by the FinOps Foundation's focus-validator and by `focus-export validate`.

    python scripts/validate_officially.py 1.2:cost-and-usage:bill.parquet ...

FOCUS 1.2 is judged by the requirement model inside the validator's wheel. 1.3 is judged where the
environment variable FOCUS_VALIDATOR_MODELS names a folder with model-1.3.json. The validator needs
Python 3.12 and packages that clash with this project's, so it runs in a virtual environment of its
own, made in a temporary folder.

Exit code 1: a rule fails that official_validator_waivers.csv does not waive, or the two verdicts
differ without a waiver that says why. Exit code 3: the validator could not be installed or run.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REQUIREMENTS = ("focus-validator==2.2.1", "numpy<2", "pyarrow<26")
# numpy below 2 has wheels up to Python 3.12, and the validator asks for 3.12.
PYTHON = (3, 12)
BUNDLED_MODELS = {"1.2": "1.2"}
DATASETS = {"cost-and-usage": "CostAndUsage", "contract-commitment": "ContractCommitment"}
WAIVERS = Path(__file__).with_name("official_validator_waivers.csv")


def judge(file: str, version: str, dataset: str, models: str) -> dict[str, Any]:
    """Run the validator in this process; the failing leaf rules with their reasons.

    A leaf rule looks at data itself; a composite only repeats what other rules found.
    """
    import importlib.resources
    import logging

    package = importlib.resources.files("focus_validator")
    # The package opens its currency list relative to the working directory.
    rules = Path("focus_validator/rules")
    rules.mkdir(parents=True, exist_ok=True)
    shutil.copy(str(package / "rules/currency_codes.csv"), rules)
    logging.disable(logging.CRITICAL)
    from focus_validator.validator import Validator

    validator = Validator(
        data_filename=file,
        output_destination=None,
        output_type="console",
        rule_set_path=models or str(package / "rules"),
        rules_version=version,
        focus_dataset=DATASETS[dataset],
        rules_block_remote_download=True,
        # Without it, the validator leaves out three rules of four.
        applicability_criteria="ALL",
    )
    validator.load()
    results = validator.spec_rules.validate(
        validator.focus_data, data_filename=file, data_row_count=validator.data_row_count
    )
    requirements = {
        rule_id: rule.validation_criteria.requirement or {}
        for rule_id, rule in results.rules.items()
    }
    states = {rule_id: _state(entry) for rule_id, entry in results.by_rule_id.items()}
    alternatives = {
        item.get("ModelRuleId")
        for rule_id, requirement in requirements.items()
        if requirement.get("CheckFunction") == "OR" and states.get(rule_id) == "passed"
        for item in requirement.get("Items", [])
    }
    leaves = [rule_id for rule_id in states if _is_leaf(requirements[rule_id])]
    failing = {}
    for rule_id in sorted(leaves):
        if states[rule_id] == "failed" and rule_id not in alternatives:
            details = results.by_rule_id[rule_id].get("details") or {}
            criteria = results.rules[rule_id].validation_criteria
            rows = details.get("violations")
            failing[rule_id] = f"{criteria.must_satisfy} (rows: {rows})"
    return {
        "model": str(results.model_version),
        "rows": int(validator.data_row_count),
        "passed": sum(states[rule_id] == "passed" for rule_id in leaves),
        "skipped": sum(states[rule_id] == "skipped" for rule_id in leaves),
        "failing": failing,
    }


def _state(entry: dict[str, Any]) -> str:
    if (entry.get("details") or {}).get("skipped"):
        return "skipped"
    return "passed" if entry.get("ok") else "failed"


def _is_leaf(requirement: dict[str, Any]) -> bool:
    function = requirement.get("CheckFunction")
    if function in ("AND", "OR"):
        return any(
            item.get("CheckFunction") != "CheckModelRule" for item in requirement.get("Items", [])
        )
    return function != "CheckModelRule"


def find_python() -> str | None:
    """Look for an interpreter of the version that the validator needs."""
    name = f"python{PYTHON[0]}.{PYTHON[1]}"
    installed = sorted(Path.home().glob(f".pyenv/versions/{PYTHON[0]}.{PYTHON[1]}.*/bin/python"))
    for candidate in (sys.executable, shutil.which(name), *map(str, reversed(installed))):
        if candidate is None:
            continue
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.stdout.split() == [str(part) for part in PYTHON]:
            return candidate
    return None


def our_verdict(file: Path, version: str, dataset: str) -> dict[str, str]:
    """Ask `focus-export validate` which rules are broken, with an example row each."""
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "exporter.cli", "validate", str(file)),
            *("--focus-version", version, "--dataset", dataset, "--format", "json"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode not in (0, 1):
        raise SystemExit(asked.stderr.strip())
    return {
        failure["rule_id"]: f"{failure['failing_rows']} rows, e.g. {failure['example']}"
        for failure in json.loads(asked.stdout)["failures"]
        if failure["level"] == "must"
    }


def main() -> int:
    """Judge every file and print both verdicts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", metavar="VERSION:DATASET:FILE")
    parser.add_argument("--judge", metavar="MODELS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.judge is not None:
        version, dataset, name = arguments.files[0].split(":", 2)
        print(json.dumps(judge(name, version, dataset, arguments.judge)))
        return 0

    with WAIVERS.open(encoding="utf-8", newline="") as stream:
        waivers = {
            (row["version"], row["rule_id"]): row["reason"] for row in csv.DictReader(stream)
        }
    python = find_python()
    if python is None:
        print(f"Not judged: the official validator needs Python {PYTHON[0]}.{PYTHON[1]}.")
        return 0
    with tempfile.TemporaryDirectory(prefix="focus-validator-") as folder:
        subprocess.run([python, "-m", "venv", f"{folder}/venv"], check=True)
        installed = subprocess.run(
            [
                *(f"{folder}/venv/bin/python", "-m", "pip", "install", "--quiet"),
                *("--only-binary", "duckdb,numpy,pandas,polars,pyarrow", *REQUIREMENTS),
            ],
            check=False,
        )
        if installed.returncode:
            print("The official validator could not be installed.")
            return 3
        codes = [_compare(Path(folder), name, waivers) for name in arguments.files]
    return max(codes)


def _compare(folder: Path, named: str, waivers: dict[tuple[str, str], str]) -> int:
    version, dataset, name = named.split(":", 2)
    file = Path(name).resolve()
    models = "" if version in BUNDLED_MODELS else os.environ.get("FOCUS_VALIDATOR_MODELS", "")
    title = f"FOCUS {version} {dataset}"
    if version not in BUNDLED_MODELS and not Path(models, f"model-{version}.json").is_file():
        print(f"{title}: not judged, FOCUS_VALIDATOR_MODELS names no folder with its model.")
        return 0
    where = str(Path(models).resolve()) if models else ""
    asked = subprocess.run(
        [
            *(str(folder / "venv/bin/python"), str(Path(__file__).resolve())),
            *("--judge", where, f"{version}:{dataset}:{file}"),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    if asked.returncode:
        print(f"{title}: the official validator stopped: {asked.stderr.strip()[-600:]}")
        return 3
    official = json.loads(asked.stdout.splitlines()[-1])
    failing = official["failing"]
    waived = [rule_id for rule_id in failing if (version, rule_id) in waivers]
    ours = our_verdict(file, version, dataset)
    print(
        f"{title}: {official['rows']:,} rows, model {official['model']}: "
        f"{official['passed']} rules passed, {len(failing)} failed ({len(waived)} waived), "
        f"{official['skipped']} left out by the validator; "
        f"focus-export validate: {len(ours)} broken."
    )
    for rule_id, text in failing.items():
        reason = waivers.get((version, rule_id))
        print(f"  {'waived' if reason else 'FAILS '} {rule_id}: {reason or text}")
    for rule_id, text in ours.items():
        print(f"  focus-export validate: {rule_id}: {text}")
    if len(failing) > len(waived) or ours:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
