"""The FOCUS metadata: keys of each version, registered ids, agreement with the models."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
import yaml
from conftest import ROOT, assert_one_sentence, focus_export

from exporter.focus import schemas
from exporter.focus.schemas import Structure, structures
from exporter.project import Project, load_project

PROJECT = load_project()
LABELS = [f"{s.dataset.name}-{s.grain}-{s.focus_version}" for s in structures()]


def describe(*arguments: str | Path) -> dict:
    # where no build lies
    result = focus_export("schema", *arguments, cwd=Path(__file__).parent)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def is_utc_second(text: str) -> bool:
    return bool(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


@pytest.mark.parametrize("structure", structures(), ids=LABELS)
def test_every_structure_is_registered(structure: Structure) -> None:
    """A change of columns or of the generator's version needs scripts/register_schemas.py."""
    dataset, grain, version = structure.dataset, structure.grain, structure.focus_version
    identity = schemas.schema_id(PROJECT, dataset, grain, version)
    entry = schemas.read_registry().get(str(identity))
    assert entry is not None
    assert entry == schemas.registry_entry(PROJECT, structure, entry["CreationDate"])
    assert is_utc_second(entry["CreationDate"])


def test_registered_ids_are_guids_and_unique() -> None:
    entries = json.loads(schemas.REGISTRY.read_text(encoding="utf-8"))["schemas"]
    identities = [entry["SchemaId"] for entry in entries]
    assert len(set(identities)) == len(identities)
    assert all(str(UUID(identity)) == identity for identity in identities)


def test_the_script_finds_nothing_to_register() -> None:
    script = ROOT / "scripts" / "register_schemas.py"
    result = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def with_columns(folder: Path, **cells: str) -> Project:
    """The project, with other cells of BilledCost in its column reference."""
    shipped = PROJECT.path / "seeds" / "reference" / "focus_columns.csv"
    rows = list(csv.DictReader(shipped.read_text(encoding="utf-8").splitlines()))
    file = folder / "seeds" / "reference" / "focus_columns.csv"
    file.parent.mkdir(parents=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, **cells} if row["column_name"] == "BilledCost" else row)
    return dataclasses.replace(PROJECT, path=folder)


def test_a_schema_id_changes_with_whatever_it_stands_for(tmp_path: Path) -> None:
    structure = structures()[0]
    arguments = (structure.dataset, structure.grain, structure.focus_version)
    known = {schemas.schema_id(PROJECT, *arguments)}
    newer = dataclasses.replace(PROJECT, settings={**PROJECT.settings, "version": "9.9.9"})
    known.add(schemas.schema_id(newer, *arguments))
    known.add(schemas.schema_id(PROJECT, structure.dataset, "day", structure.focus_version))
    known.add(schemas.schema_id(PROJECT, structure.dataset, structure.grain, "1.3"))
    changed = with_columns(tmp_path / "changed", sql_type="quantity")
    known.add(schemas.schema_id(changed, *arguments))
    assert len(known) == 5
    # the description of a column is no part of its structure
    described = with_columns(tmp_path / "described", description="other words")
    assert schemas.schema_id(described, *arguments) in known


@pytest.mark.parametrize("version", ["1.3", "1.4"])
def test_from_1_3_on_there_are_collections(version: str, tmp_path: Path) -> None:
    content = describe("--focus-version", version, "--home", tmp_path)
    assert list(content) == ["DataGenerator", "DatasetInstance", "Schema"]
    assert content["DataGenerator"] == {"DataGenerator": "ai-focus"}
    instances = {entry["DatasetInstanceId"]: entry for entry in content["DatasetInstance"]}
    assert {entry["FocusDatasetId"] for entry in instances.values()} >= {
        "CostAndUsage",
        "ContractCommitment",
    }
    assert sorted(schema["DatasetInstanceId"] for schema in content["Schema"]) == sorted(instances)
    for schema in content["Schema"]:
        assert list(schema) == [
            "SchemaId",
            "DatasetInstanceId",
            "FocusVersion",
            "DataGeneratorVersion",
            "CreationDate",
            "ColumnDefinition",
        ]
        assert schema["FocusVersion"] == version


@pytest.mark.parametrize(
    ("version", "generator"),
    [("1.0", None), ("1.1", "ProviderVersion"), ("1.2", "DataGeneratorVersion")],
)
def test_before_1_3_there_is_one_schema(
    version: str, generator: str | None, tmp_path: Path
) -> None:
    content = describe("--focus-version", version, "--home", tmp_path)
    assert list(content) == ["DataGenerator", "Schema"]
    keys = ["SchemaId", "FocusVersion", generator, "CreationDate", "ColumnDefinition"]
    assert list(content["Schema"]) == [key for key in keys if key]
    daily = describe("--focus-version", version, "--grain", "day", "--home", tmp_path)
    assert daily["Schema"]["SchemaId"] != content["Schema"]["SchemaId"]


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_columns_are_defined_by_type(version: str, tmp_path: Path) -> None:
    content = describe(
        *("--focus-version", version, "--dataset", "cost-and-usage", "--home", tmp_path)
    )
    schema = content["Schema"][0] if version != "1.2" else content["Schema"]
    columns = {column["ColumnName"]: column for column in schema["ColumnDefinition"]}
    assert columns["BilledCost"] == {
        "ColumnName": "BilledCost",
        "DataType": "DECIMAL",
        "NumericPrecision": 38,
        "NumberScale": 18,
    }
    assert columns["ChargePeriodStart"]["DataType"] == "DATETIME"
    assert columns["Tags"]["DataType"] == "JSON"
    assert columns["Tags"]["ProviderTagPrefixes"] == ["x-cog-"]
    assert columns["ServiceName"] == {
        "ColumnName": "ServiceName",
        "DataType": "STRING",
        "StringEncoding": "UTF-8",
    }
    deprecated = {name for name, column in columns.items() if column.get("Deprecated")}
    assert deprecated == ({"ProviderName", "PublisherName"} if version == "1.3" else set())


def test_the_table_lists_every_column(tmp_path: Path) -> None:
    result = focus_export(
        *("schema", "--focus-version", "1.3", "--format", "table", "--home", tmp_path)
    )
    assert "DECIMAL(38, 18)" in result.stdout
    assert "STRING, deprecated" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--focus-version", "2.0"], "no FOCUS version 2.0"),
        (["--dataset", "ai-calls"], "no FOCUS dataset"),
        (["--dataset", "contract-commitment", "--focus-version", "1.2"], "has no"),
    ],
)
def test_a_mistake_gets_one_sentence(arguments: list[str], part: str, tmp_path: Path) -> None:
    assert_one_sentence(focus_export("schema", "--home", tmp_path, *arguments), 2, part)


def model_columns(name: str, version: str) -> list[str]:
    """Read a model version's columns from the YAML of the marts."""
    for file in sorted((ROOT / "models/marts/focus").glob("*.yml")):
        for model in yaml.safe_load(file.read_text(encoding="utf-8")).get("models", []):
            if model["name"] != name:
                continue
            shared = [column["name"] for column in model.get("columns", [])]
            for entry in model["versions"]:
                if str(entry["v"]) == version:
                    chosen = set()
                    for column in entry.get("columns", [{"include": "all"}]):
                        if "include" in column:
                            kept = column["include"]
                            chosen |= set(shared if kept in ("all", "*") else kept)
                            chosen -= set(column.get("exclude", []))
                    return [column for column in shared if column in chosen]
    raise AssertionError(f"no model {name} {version}")


@pytest.mark.parametrize("structure", structures(), ids=LABELS)
def test_defined_columns_are_those_of_the_models(structure: Structure) -> None:
    defined = [c["ColumnName"] for c in schemas.column_definitions(PROJECT, structure)]
    relation = structure.dataset.relations[structure.grain]
    assert sorted(defined) == sorted(model_columns(relation, structure.focus_version))


@pytest.mark.parametrize("structure", structures(), ids=LABELS)
def test_defined_columns_are_those_of_a_build(structure: Structure, demo_home: Path) -> None:
    relation = structure.dataset.relations[structure.grain]
    version = structure.focus_version.replace(".", "_")
    with duckdb.connect(str((demo_home / "ai_focus.duckdb").resolve()), read_only=True) as build:
        found = build.execute(f"describe {relation}_v{version}").fetchall()
    kinds = {"STRING": "VARCHAR", "JSON": "VARCHAR", "DATETIME": "TIMESTAMP"}
    defined = [
        (
            column["ColumnName"],
            kinds.get(column["DataType"])
            or f"DECIMAL({column['NumericPrecision']},{column['NumberScale']})",
        )
        for column in schemas.column_definitions(PROJECT, structure)
    ]
    assert [(row[0], row[1]) for row in found] == defined


def test_a_build_adds_how_recent_the_data_are(demo_home: Path) -> None:
    content = describe("--home", demo_home)
    assert list(content) == ["DataGenerator", "DatasetInstance", "Recency", "Schema"]
    names = {e["DatasetInstanceId"]: e["FocusDatasetId"] for e in content["DatasetInstance"]}
    assert {entry["DatasetInstanceId"] for entry in content["Recency"]} == set(names)
    for entry in content["Recency"]:
        assert is_utc_second(entry["RecencyLastUpdated"])
        assert is_utc_second(entry["DatasetInstanceLastUpdated"])
        if names[entry["DatasetInstanceId"]] == "ContractCommitment":
            assert isinstance(entry["DatasetInstanceComplete"], bool)
            continue
        sectors = entry["TimeSectors"]
        assert len(sectors) == 3
        for sector in sectors:
            assert is_utc_second(sector["TimeSectorStart"])
            assert sector["TimeSectorStart"] < sector["TimeSectorEnd"]
            # the demo's LiteLLM log ends in October; the clock says nothing
            is_october = sector["TimeSectorStart"] == "2026-10-01T00:00:00Z"
            assert sector["TimeSectorComplete"] is not is_october
            assert sector["x_WaitingFor"] == (["litellm"] if is_october else [])
        assert entry["x_UsageUntil"] == "2026-10-31T23:59:50Z"
        assert sectors == sorted(sectors, key=lambda sector: sector["TimeSectorStart"])


def test_the_exports_manifest_names_the_schema(demo_home: Path, tmp_path: Path) -> None:
    for version in ("1.4", "1.0"):
        output = tmp_path / f"{version}.csv"
        result = focus_export(
            *("export", "--home", demo_home, "--focus-version", version, "--output", output)
        )
        assert result.returncode == 0, result.stderr
        manifest = json.loads(Path(f"{output}.manifest.json").read_text(encoding="utf-8"))
        content = describe("--home", demo_home, "--focus-version", version)
        schemas = content["Schema"] if version == "1.4" else [content["Schema"]]
        assert manifest["schema_id"] in [schema["SchemaId"] for schema in schemas]
