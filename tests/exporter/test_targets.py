"""Warehouses as far as they need no warehouse: mistakes, what is installed, types and names."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from conftest import ROOT, assert_one_sentence, focus_export

from exporter.datasets import DATASETS
from exporter.errors import DataError, UserError
from exporter.focus.schemas import Structure, column_kinds, structures
from exporter.project import load_project
from exporter.raw.plan import plan_files
from exporter.targets import hide_secrets
from exporter.warehouse.adapters import BigQuery, Snowflake, conform

D = Decimal
OPENERS = {
    "build": ["build"],
    "export": ["export"],
    "load": ["load", "gateway", "calls.csv"],
    "doctor": ["doctor"],
    "serve": ["serve"],
    "mcp": ["mcp"],
}
# no setting of the caller's, whose own warehouse is none of the tests' business
UNSET = {
    **{name: "" for name in os.environ if name.startswith(("SNOWFLAKE_", "BIGQUERY_"))},
    "DBT_PROFILES_DIR": "",
}
CALLS = (
    "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens\n"
    "c-1,openai,gpt-5-mini,2026-11-02T09:30:00+01:00,840,2000,500\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "calls.csv").write_text(CALLS)
    return tmp_path


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize("command", OPENERS)
def test_unknown_target_is_named(command: str, folder: Path) -> None:
    result = focus_export(*OPENERS[command], "--target", "oracle", cwd=folder, variables=UNSET)
    if command == "doctor":
        assert result.returncode == 2
        assert "failed  adapter: There is no target 'oracle'" in result.stdout
    else:
        assert_one_sentence(result, 2, "There is no target 'oracle': choose duckdb, snowflake or")


@pytest.mark.parametrize("command", OPENERS)
@pytest.mark.parametrize("target", ["snowflake", "bigquery"])
def test_missing_extra_says_what_to_install(command: str, target: str, folder: Path) -> None:
    blocker = folder / "blocker"
    blocker.mkdir()
    (blocker / "sitecustomize.py").write_text(
        "import sys\n"
        "class Blocker:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == 'dbt.adapters.{target}':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Blocker())\n"
    )
    result = focus_export(
        *OPENERS[command],
        *("--target", target),
        cwd=folder,
        variables={**UNSET, "PYTHONPATH": f"{blocker}{os.pathsep}{ROOT}"},
    )
    remedy = f"pip install 'ai-focus[{target}]'"
    if command == "doctor":
        assert result.returncode == 2
        assert remedy in result.stdout
    else:
        assert_one_sentence(result, 2, remedy)


@pytest.mark.parametrize("command", OPENERS)
def test_missing_settings_are_named(command: str, folder: Path) -> None:
    pytest.importorskip("dbt.adapters.snowflake")
    result = focus_export(
        *OPENERS[command],
        *("--target", "snowflake"),
        cwd=folder,
        variables={**UNSET, "SNOWFLAKE_USER": "user"},
    )
    said = result.stdout if command == "doctor" else result.stderr
    assert result.returncode == 2
    assert "SNOWFLAKE_ACCOUNT" in said
    assert "SNOWFLAKE_PASSWORD or SNOWFLAKE_PRIVATE_KEY_PATH" in said
    assert "SNOWFLAKE_USER" not in said
    if command != "doctor":
        assert_one_sentence(result, 2, "in the environment: set them")


def test_the_method_of_login_decides_what_bigquery_needs(folder: Path) -> None:
    pytest.importorskip("dbt.adapters.bigquery")
    for method, missing in {
        "oauth": "BIGQUERY_PROJECT",
        "service-account": "BIGQUERY_PROJECT, BIGQUERY_KEYFILE",
        "oauth-secrets": "BIGQUERY_PROJECT, BIGQUERY_TOKEN",
    }.items():
        result = focus_export(
            *("doctor", "--target", "bigquery"),
            cwd=folder,
            variables={**UNSET, "BIGQUERY_METHOD": method},
        )
        assert f"settings: {missing} not set" in result.stdout


def test_a_target_of_the_users_profiles_must_be_there(folder: Path) -> None:
    (folder / "profiles.yml").write_text(
        "ai_focus: {target: mine, outputs: {mine: {type: duckdb, path: x.duckdb}}}\n"
    )
    result = focus_export(
        *("export", "--target", "mine"),
        cwd=folder,
        variables={**UNSET, "DBT_PROFILES_DIR": str(folder)},
    )
    assert_one_sentence(result, 2, "The target mine is of the type duckdb: name one of snowflake")
    result = focus_export(
        *("export", "--target", "other"),
        cwd=folder,
        variables={**UNSET, "DBT_PROFILES_DIR": str(folder)},
    )
    assert_one_sentence(result, 2, "The target other can't be opened", "doctor --target other")


def test_load_says_what_is_wrong_with_its_arguments(folder: Path) -> None:
    def load(*arguments: str) -> str:
        result = focus_export("load", *arguments, cwd=folder, variables=UNSET)
        assert_one_sentence(result, 2)
        return result.stderr

    target = ("--target", "snowflake")
    assert "build --raw-dir" in load("gateway", "calls.csv")
    assert "Name a source and its files" in load("gateway", *target)
    assert "Name a source and its files" in load("gateway", "x", "--raw-dir", ".", *target)
    assert "There is no source 'gatway': choose one of" in load("gatway", "calls.csv", *target)
    assert "other.csv doesn't exist" in load("gateway", "other.csv", *target)
    assert "is no log that is known here" in load("contracts", "calls.csv", *target)
    (folder / "empty").mkdir()
    assert "holds no file" in load("gateway", "empty", *target)


# ---------------------------------------------------------------- files


def test_files_of_a_load_are_named_below_their_common_folder(folder: Path) -> None:
    for name in ("a/calls.csv", "b/c/calls.csv"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(CALLS)
    plan = plan_files("gateway", [folder / "a", folder / "b" / "c" / "calls.csv"], load_project())
    assert plan.root == folder
    (group,) = plan.raw_files["gateway_calls"]
    assert group["paths"] == [str(folder / "a/calls.csv"), str(folder / "b/c/calls.csv")]
    plan = plan_files("gateway", [folder / "calls.csv", folder / "calls.csv"], load_project())
    assert (plan.root, plan.files) == (folder, 1)


def test_what_is_no_log_is_to_be_left_out_of_a_load(folder: Path) -> None:
    (folder / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="leave it out or give it its header"):
        plan_files("gateway", [folder / "notes.csv"], load_project())


# ---------------------------------------------------------------- types and names


@pytest.mark.parametrize("structure", structures(), ids=str)
def test_declared_columns_are_those_of_the_build(structure: Structure, demo_home: Path) -> None:
    relation = structure.dataset.relation(structure.grain, structure.focus_version)
    assert column_kinds(load_project(), structure) == described(demo_home, relation)


def test_declared_columns_of_the_calls_are_those_of_the_build(demo_home: Path) -> None:
    assert load_project().model_kinds("ai_calls") == described(demo_home, "ai_calls")


def described(home: Path, relation: str) -> dict[str, str]:
    database = str((home / "ai_focus.duckdb").resolve())
    with duckdb.connect(database, read_only=True) as connection:
        return {row[0]: row[1] for row in connection.execute(f"describe {relation}").fetchall()}


def test_every_layout_has_its_columns_among_the_declared() -> None:
    for dataset in DATASETS.values():
        if dataset.layout is not None:
            kinds = load_project().model_kinds(dataset.relations["call"])
            plain = [sql for sql in dataset.layout.values() if sql.replace("_", "").isalpha()]
            assert set(plain) <= set(kinds)


SCHEMA = pa.schema(
    [
        ("BilledCost", pa.decimal128(38, 18)),
        ("ChargePeriodStart", pa.timestamp("us")),
        ("Tags", pa.string()),
    ]
)
MOMENT = datetime(2026, 3, 29, 0, 30, 0, 123456)


@pytest.mark.parametrize(
    ("costs", "moments"),
    [
        # Snowflake
        (pa.decimal128(38, 18), pa.timestamp("ns")),
        (pa.decimal128(30, 2), pa.timestamp("ns")),
        (pa.int64(), pa.timestamp("ns")),
        # BigQuery
        (pa.decimal256(76, 38), pa.timestamp("us", "UTC")),
        (pa.decimal128(38, 9), pa.timestamp("us", "UTC")),
        # an instant in another zone
        (pa.int64(), pa.timestamp("us", "Europe/Berlin")),
    ],
    ids=str,
)
def test_batches_take_the_names_and_types_of_the_schema(
    costs: pa.DataType, moments: pa.DataType
) -> None:
    instant = MOMENT.replace(tzinfo=timezone.utc) if moments.tz else MOMENT
    batch = pa.RecordBatch.from_arrays(
        [
            pa.array(["{}", None]),
            pa.array([D(7), None]).cast(costs),
            pa.array([instant, None], moments),
        ],
        names=["TAGS", "BILLEDCOST", "CHARGEPERIODSTART"],
    )
    found = conform(batch, SCHEMA)
    assert found.schema == SCHEMA
    assert found.to_pylist() == [
        {"BilledCost": D(7), "ChargePeriodStart": MOMENT, "Tags": "{}"},
        {"BilledCost": None, "ChargePeriodStart": None, "Tags": None},
    ]


@pytest.mark.parametrize(
    "costs",
    [
        # a double has lost digits already
        pa.array([0.1]),
        # more digits than a cost has
        pa.array([D("0.1234567890123456789")], pa.decimal256(76, 38)),
        pa.array([D("123456789012345678901.5")], pa.decimal256(76, 38)),
    ],
    ids=["double", "too fine", "too large"],
)
def test_no_digit_is_lost_in_silence(costs: pa.Array) -> None:
    batch = pa.RecordBatch.from_arrays([costs], names=["billedcost"])
    with pytest.raises(DataError, match="BilledCost"):
        conform(batch, pa.schema([SCHEMA.field("BilledCost")]))


def test_what_is_finer_than_microseconds_is_cut_off() -> None:
    moments = pa.array([1_000_000_999], pa.timestamp("ns"))
    batch = pa.RecordBatch.from_arrays([moments], names=["m"])
    found = conform(batch, pa.schema([("m", pa.timestamp("us"))]))
    assert found.column(0).cast(pa.int64()).to_pylist() == [1_000_000]


def test_parameters_are_bound_in_the_engines_own_types() -> None:
    snowflake, bigquery = Snowflake.__new__(Snowflake), BigQuery.__new__(BigQuery)
    kinds = ["VARCHAR", "DECIMAL(38,18)", "TIMESTAMP", "BIGINT", "BOOLEAN"]
    assert [snowflake.value_of(kind) for kind in kinds] == [
        "cast(%s as varchar)",
        "cast(%s as decimal(38,18))",
        "cast(%s as timestamp_ntz)",
        "cast(%s as bigint)",
        "cast(%s as boolean)",
    ]
    assert [bigquery.value_of(kind) for kind in kinds] == [
        "cast(? as string)",
        "cast(? as bignumeric)",
        "timestamp(?, 'UTC')",
        "cast(? as int64)",
        "cast(? as bool)",
    ]
    assert snowflake.column("x_CallId") == '"X_CALLID"'
    assert bigquery.column("x_CallId") == "`x_CallId`"


def test_what_a_driver_says_is_logged_without_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_PASSWORD", "snow.flake+1")
    monkeypatch.setenv("BIGQUERY_TOKEN", "ya29")
    said = "user u with password snow.flake+1 and ya29 at snowxflake+1, ya292"
    hidden = "user u with password *** and *** at snowxflake+1, ya292"
    assert hide_secrets(said) == hidden
    key = "-----BEGIN PRIVATE KEY-----\nMIIEv\ngIBAD\n-----END PRIVATE KEY-----\n"
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", key)
    assert hide_secrets(f"the key {' '.join(key.split())} is bad") == "the key *** is bad"
    assert hide_secrets(f"the key {key} is bad") == "the key ***\n is bad"
