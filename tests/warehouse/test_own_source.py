"""A new usage source: in a copy of this project, and in one that has it as a package."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml
from compiled import ROOT, run_dbt, run_dbt_of_consumers, scratch

from exporter.project import load_project

OF_PROJECT = (
    "dbt_project.yml",
    "profiles.yml",
    "macros",
    "models",
    "seeds",
    "scripts",
    "tests/dbt",
)
NEW_FILES = {
    "models/staging/acme/_acme__sources.yml": """version: 2

sources:
  - name: raw
    description: Raw tables as delivered, every column text.
    database: "{{ var('raw_database') or target.database }}"
    schema: "{{ var('raw_schema') or target.schema }}"
    tables:
      - name: acme_answers
        description: Answers of the assistant, one row per answer.
        config: {meta: {required: true}}
        columns:
          - name: answer
            description: Id of the answer.
            config: {meta: {required: true}}
          - name: model
            description: The model that answered.
          - name: asked_at
            description: When it was asked.
          - name: tokens_in
            description: Tokens of the question.
          - name: tokens_out
            description: Tokens of the answer.
""",
    "models/staging/acme/_acme__models.yml": """version: 2

models:
  - name: stg_acme__usage
    description: One row per delivered answer of the assistant, typed, with its first fault.
    config:
      contract:
        enforced: true
""",
    "models/staging/acme/stg_acme__usage.sql": """
{{- config(materialized='table', enabled='acme' in usage_sources()) }}

with typed as (

    select
        *,
        {{ record_hash('acme_answers') }} as record_hash,
        {{ to_utc_timestamp('asked_at') }} as started_at,
        {{ whole_number('tokens_in') }} as tokens_in_number,
        {{ whole_number('tokens_out') }} as tokens_out_number
    from {{ raw('acme_answers') }} as raw_rows

),

checked as (

    select
        *,
        {{ first_fault(
            [['asked_at', 'asked_at', 'started_at is null', 'is no date and time']]
            + whole_number_faults(['tokens_in', 'tokens_out'])
        ) }}
    from typed

)

select
    cast('acme_answers' as {{ text_type() }}) as raw_table,
    _file,
    _line,
    fault_field,
    fault_reason,
    fault_value,
    record_hash,
    {{ hash_of(["'acme'", 'answer']) }} as replaces_key,
    answer as call_id,
    {{ sql_text(var('billing_account_id')) }} as billing_account_id,
    cast('openai' as {{ text_type() }}) as provider_as_sent,
    model,
    started_at,
    started_at as ended_at,
    tokens_in_number as prompt_tokens,
    tokens_in_number as context_tokens,
    tokens_out_number as completion_tokens,
    {{ other_usage_columns([
        'raw_table', '_file', '_line', 'fault_field', 'fault_reason', 'fault_value', 'record_hash',
        'replaces_key', 'call_id', 'billing_account_id', 'provider_as_sent', 'model', 'started_at',
        'ended_at', 'prompt_tokens', 'context_tokens', 'completion_tokens',
    ]) }}
from checked
""",
    "seeds/sample/raw_acme_answers.csv": """answer,model,asked_at,tokens_in,tokens_out
a1,gpt-5-mini,2026-11-02T10:00:00Z,1000000,100000
a1,gpt-5-mini,2026-11-02T10:00:00Z,1000000,100000
a2,gpt-5-mini,yesterday,1,1
""",
    "seeds/_acme__seeds.yml": """version: 2

seeds:
  - name: raw_acme_answers
    description: Answers of an invented assistant.
    config:
      enabled: "{{ var('raw_origin') == 'seed' }}"
      column_types: {answer: varchar, tokens_in: varchar, tokens_out: varchar}
""",
}
# 1,000,000 tokens at 0.25 and 100,000 at 2 USD per million
COST = Decimal("0.45")
ANSWERS = """
select
    cast(id as varchar) as id, 'Support' as team, 'gpt-5-mini' as model,
    '2026-11-02 10:00:00' as asked_at, '2026-11-02 10:00:04' as answered_at,
    '1000000' as tokens_in, '100000' as tokens_out
from (select 1 as id union all select 2 union all select 2) as answers
"""
CHARGED = """
    select x_SourceName, count(distinct x_CallId), sum(BilledCost)
    from focus_cost_and_usage where x_SourceName = '{}' group by 1
"""


def _example(language: str) -> str:
    """The page's example of a source in a project of one's own."""
    section = (ROOT / "docs" / "sources.md").read_text("utf-8").partition("### In a project of")[2]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    return str(found)


def _rows(database: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def copy() -> Path:
    """The project with one more source, built."""
    base = scratch() / "more_sources"
    project = base / "project"
    leave = shutil.ignore_patterns("node_modules", "__pycache__")
    project.mkdir(parents=True)
    for name in OF_PROJECT:
        of_name = ROOT / name
        if of_name.is_dir():
            shutil.copytree(of_name, project / name, ignore=leave)
        else:
            shutil.copy(of_name, project / name)
    for name, text in NEW_FILES.items():
        file = project / name
        file.parent.mkdir(exist_ok=True)
        assert not file.exists()
        file.write_text(text, encoding="utf-8")
    settings = project / "dbt_project.yml"
    text = settings.read_text("utf-8")
    listed = f"usage_sources: [{', '.join(load_project().usage_sources)}"
    assert text.count(listed) == 1
    settings.write_text(text.replace(listed, f"{listed}, acme"), encoding="utf-8")
    script = str(project / "scripts" / "generate_usage_columns.py")
    written = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert written.stdout == "models/staging/acme/_acme__models.yml\n"
    models = ("+focus_cost_and_usage_latest", "+ai_unreadable_records", "+int_charge_inputs")
    leave_out = ("--exclude-resource-types", "test", "unit_test")
    run_dbt("build", "--select", *models, *leave_out, folder=base, project=project)
    return base / "ai_focus.duckdb"


def test_no_unit_test_has_the_sources_one_by_one(copy: Path) -> None:
    manifest = json.loads((copy.parent / "target" / "manifest.json").read_text("utf-8"))
    for source in (*load_project().usage_sources, "acme"):
        readers = manifest["child_map"][f"model.ai_focus.stg_{source}__usage"]
        assert [key for key in readers if key.startswith("model.")] == [
            "model.ai_focus.int_usage_records"
        ]
    # a unit test gives its model all that it reads, so a new source would break it
    assert {test["model"] for test in manifest["unit_tests"].values()} > {"int_usage_counted"}
    assert "int_usage_records" not in {test["model"] for test in manifest["unit_tests"].values()}


def test_a_source_is_new_files_and_one_list_entry_and_its_calls_are_charged(copy: Path) -> None:
    assert _rows(copy, CHARGED.format("acme")) == [("acme", 1, COST)]
    assert _rows(
        copy,
        "select raw_table, record_key, field from ai_unreadable_records where source_name = 'acme'",
    ) == [("acme_answers", "a2", "asked_at")]
    inputs = "select input from int_charge_inputs where input like '% usage' group by 1 order by 1"
    assert [name for (name,) in _rows(copy, inputs)] == [
        f"{source} usage" for source in sorted([*load_project().usage_sources, "acme"])
    ]


@pytest.fixture(scope="module")
def own() -> Path:
    """A project that has this one as a package, and a usage source of its own, as on the page."""
    folder = scratch() / "own_source"
    models = folder / "models"
    models.mkdir(parents=True)
    (folder / "packages.yml").write_text(f"packages: [{{local: {ROOT}}}]\n")
    settings = yaml.safe_load(_example("yaml"))
    assert settings["vars"]["ai_focus"] == {"usage_sources": ["gateway", "assistant"]}
    settings["vars"]["ai_focus"] = {"usage_sources": ["assistant"], "raw_origin": "source"}
    settings |= {"name": "acme", "profile": "acme"}
    settings |= {"models": {"acme": {"+materialized": "table"}}}
    (folder / "dbt_project.yml").write_text(yaml.safe_dump(settings))
    outputs = {"dev": {"type": "duckdb", "path": "acme.duckdb"}}
    (folder / "profiles.yml").write_text(
        yaml.safe_dump({"acme": {"target": "dev", "outputs": outputs}})
    )
    (models / "assistant_answers.sql").write_text(ANSWERS)
    (models / "stg_assistant__usage.sql").write_text(_example("sql"))
    run_dbt_of_consumers("deps", folder=folder, project=folder)
    return folder


def test_a_source_of_ones_own_project_is_charged_by_a_variable(own: Path) -> None:
    run_dbt_of_consumers("build", "--exclude-resource-type", "test", folder=own, project=own)
    database = own / "acme.duckdb"
    assert _rows(database, CHARGED.format("assistant")) == [("assistant", 2, 2 * COST)]
    assert _rows(database, "select calls, priced_calls from ai_coverage") == [(2, 2)]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("cast(tokens_in as bigint) as prompt", "tokens_in as prompt", "prompt_tokens"),
        ("    model,\n", "", 'column "model" not found'),
        ("'model', 'started_at'", "'started_at'", "must have model among its own columns"),
        ("'model', 'started_at'", "'model', 'mood', 'started_at'", "has a column mood"),
    ],
)
def test_a_source_that_does_not_keep_the_contract_is_refused_by_name(
    own: Path, right: str, wrong: str, said: str
) -> None:
    usage = _example("sql")
    assert usage.count(right) == 1
    (own / "models" / "stg_assistant__usage.sql").write_text(usage.replace(right, wrong))
    names = ("assistant_answers", "stg_assistant__usage", "int_usage_records")
    with pytest.raises(AssertionError, match=said):
        run_dbt_of_consumers("run", "--select", *names, folder=own, project=own)
