"""What a raw folder's files are, and the one sentence that each file fault gets."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from conftest import assert_one_sentence, focus_export

from exporter.errors import UserError
from exporter.project import Project, load_project
from exporter.raw.plan import RawPlan, find_raw_files, plan_files, plan_raw_files
from exporter.raw.preview import preview

HEADER = "call_id,provider,model,started_at,latency_ms,prompt_tokens,completion_tokens"
ROW = "c1,openai,gpt-5,2026-01-05T10:00:00Z,900,100,20"
CSV = f"{HEADER}\n{ROW}\n"
RECORD = dict(zip(HEADER.split(","), ROW.split(","), strict=True))
AGGREGATE = "id,user_id,date,api_key,model,spend,api_requests,prompt_tokens,completion_tokens\n"

Write = Callable[[str, "str | bytes"], Path]


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project()


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file below the raw folder."""

    def write_file(name: str, content: str | bytes) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write_file


def fault(root: Path, project: Project, *sources: str) -> str:
    with pytest.raises(UserError) as caught:
        plan_raw_files(root, project, sources)
    return str(caught.value)


def groups(plan: RawPlan, table: str = "gateway_calls") -> list[dict]:
    return plan.raw_files[table]


def test_files_of_equal_format_and_header_are_one_group(
    tmp_path: Path, project: Project, write: Write
) -> None:
    second = write("gateway/b.csv", CSV)
    first = write("gateway/2026/a.txt", CSV)
    other = write("gateway/c.csv", CSV.replace(",", ";"))
    plan = plan_raw_files(tmp_path, project)
    assert groups(plan) == [
        {
            "format": "csv",
            "root": str(tmp_path),
            "paths": [str(first), str(second)],
            "columns": HEADER.split(","),
            "delimiter": ",",
        },
        {
            "format": "csv",
            "root": str(tmp_path),
            "paths": [str(other)],
            "columns": HEADER.split(","),
            "delimiter": ";",
        },
    ]
    assert plan.usage_sources == ["gateway"]
    assert plan.files == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.000", True),
        ('"100.000"', True),
        # in two blocks of a pass
        ("," * ((1 << 20) - len(CSV) - 3) + "12.000,", True),
        ("2026-01-05T10:00:00.000Z", False),
        ("0.000", False),
        ("1234.000", False),
        ("1.0001", False),
        ("1.000.000", True),
    ],
)
def test_whether_counts_may_be_ambiguous_is_seen_in_the_pass(
    tmp_path: Path, project: Project, write: Write, text: str, *, expected: bool
) -> None:
    write("gateway/a.csv", f"{CSV},{text}\n")
    (group,) = groups(plan_raw_files(tmp_path, project))
    assert group.get("has_ambiguous", False) is expected


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_finds_the_columns(
    tmp_path: Path, project: Project, write: Write, sign: str
) -> None:
    write("gateway/a.csv", CSV.replace(",", sign))
    (group,) = groups(plan_raw_files(tmp_path, project))
    assert group["delimiter"] == sign
    assert group["columns"] == HEADER.split(",")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "\ufeff" + CSV, "csv"),
        ("a.csv", CSV.replace("\n", "\r\n"), "csv"),
        ("a.csv", HEADER, "csv"),
        ("a.csv", ",".join(f'"{name}"' for name in HEADER.split(",")) + "\n", "csv"),
        ("a.log", json.dumps(RECORD) + "\n", "jsonl"),
        ("a.json", "\ufeff" + json.dumps(RECORD), "jsonl"),
        ("a.jsonl", "not json at all\n" + json.dumps(RECORD), "jsonl"),
        ("a.json", " \n" + json.dumps([RECORD], indent=2), "json"),
        ("a.json", "[]", "json"),
        ("a.csv.gz", gzip.compress(CSV.encode()), "csv"),
        ("a.jsonl.gz", gzip.compress(json.dumps(RECORD).encode()), "jsonl"),
        ("a.json.gz", gzip.compress(json.dumps([RECORD]).encode()), "json"),
    ],
)
def test_the_format_is_told_by_the_content(
    tmp_path: Path, project: Project, write: Write, name: str, content: str | bytes, expected: str
) -> None:
    write(f"gateway/{name}", content)
    (group,) = groups(plan_raw_files(tmp_path, project))
    assert group["format"] == expected
    if expected == "csv":
        assert group["columns"] == HEADER.split(",")


def test_parquet_gives_its_types(tmp_path: Path, project: Project, write: Write) -> None:
    file = write("gateway/a [1] * it's.parquet", "")
    names = [f"'2026-01-05' as {name}" for name in HEADER.split(",")[:-1]]
    query = f"select {', '.join(names)}, 7::bigint as completion_tokens"
    duckdb.sql(query).write_parquet(str(file))
    (group,) = groups(plan_raw_files(tmp_path, project))
    assert group["format"] == "parquet"
    assert group["paths"] == [str(file)]
    assert group["types"] == ["VARCHAR"] * 6 + ["BIGINT"]


def test_files_without_records_are_no_fault_but_named(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", HEADER + "\n")
    write("gateway/b.json", "[]")
    names = ", ".join(f"'x' as {name}" for name in HEADER.split(","))
    target = write("gateway/c.parquet", "")
    duckdb.sql(f"select {names} where false").write_parquet(str(target))
    write("gateway/d.csv", CSV)
    plan = plan_raw_files(tmp_path, project)
    assert plan.files == 4
    assert plan.notes == [
        f"gateway/{name} holds no records." for name in ("a.csv", "b.json", "c.parquet")
    ]
    # they are read like the others
    assert len(groups(plan)[0]["paths"]) == 2


def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path, project: Project, write: Write) -> None:
    write("gateway/a.csv", CSV)
    os.mkfifo(tmp_path / "gateway" / "b.csv")
    assert "gateway/b.csv is no regular file" in fault(tmp_path, project)


def test_hidden_files_are_skipped(tmp_path: Path, project: Project, write: Write) -> None:
    write("gateway/.DS_Store", b"\0\1")
    write("gateway/.cache/a.csv", "")
    write("gateway/a.csv", CSV)
    assert plan_raw_files(tmp_path, project).files == 1


def test_unknown_and_missing_optional_columns_are_no_fault(
    tmp_path: Path, project: Project, write: Write
) -> None:
    columns = HEADER.split(",")[::-1]
    write("gateway/a.csv", ",".join([*columns, "colour", ""]) + "\n")
    plan = plan_raw_files(tmp_path, project)
    assert groups(plan)[0]["columns"] == [*columns, "colour", "_unnamed_9"]
    assert any("gateway/a.csv" in note and "colour" in note for note in plan.notes)


def test_json_reads_every_declared_column(tmp_path: Path, project: Project, write: Write) -> None:
    write("gateway/a.jsonl", json.dumps(RECORD))
    write("gateway/b.jsonl", json.dumps({**RECORD, "status": "ok"}))
    (group,) = groups(plan_raw_files(tmp_path, project))
    assert len(group["paths"]) == 2
    assert {"status", "headers", "ingested_at"} < set(group["columns"])


def test_tables_of_one_folder_are_told_by_their_columns(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    tables = {table.name: table for table in project.raw_tables()}
    for name in ("contracts", "commitments"):
        write(f"contracts/{name}-export.csv", ",".join(tables[name].columns) + "\n")
    plan = plan_raw_files(tmp_path, project)
    for name in ("contracts", "commitments"):
        assert Path(groups(plan, name)[0]["paths"][0]).name == f"{name}-export.csv"


def test_litellm_aggregates_are_named_and_not_read(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    write("litellm/LiteLLM_DailyUserSpend.csv", AGGREGATE)
    plan = plan_raw_files(tmp_path, project)
    assert plan.usage_sources == ["gateway"]
    assert "litellm_spend_logs" not in plan.raw_files
    assert any("LiteLLM_DailyUserSpend.csv was not read" in note for note in plan.notes)


def test_what_lies_beside_the_known_folders_is_named(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    write("gatway/b.csv", CSV)
    write("c.csv", CSV)
    notes = plan_raw_files(tmp_path, project).notes
    assert any("folder gatway was not read" in note for note in notes)
    assert any("file c.csv was not read" in note for note in notes)


def test_source_limits_what_is_read(tmp_path: Path, project: Project, write: Write) -> None:
    write("gateway/a.csv", CSV)
    write("litellm/broken.csv", "")
    assert plan_raw_files(tmp_path, project, ("gateway",)).usage_sources == ["gateway"]
    assert "litellm/broken.csv is empty" in fault(tmp_path, project)


def test_unknown_source_names_the_known_ones(tmp_path: Path, project: Project) -> None:
    sentence = fault(tmp_path, project, "gatway")
    assert "gatway" in sentence
    assert "gateway, litellm" in sentence


def test_a_wanted_source_without_files_is_named(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    assert str(tmp_path / "litellm") in fault(tmp_path, project, "litellm")


def test_a_folder_that_does_not_exist(tmp_path: Path, project: Project) -> None:
    assert f"{tmp_path / 'no'} doesn't exist" in fault(tmp_path / "no", project)


def test_a_raw_folder_that_is_a_file(tmp_path: Path, project: Project, write: Write) -> None:
    assert "is a file" in fault(write("a.csv", CSV), project)


def test_an_empty_folder(tmp_path: Path, project: Project) -> None:
    (tmp_path / "gateway").mkdir()
    sentence = fault(tmp_path, project)
    assert "no usage log" in sentence
    assert str(tmp_path / "gateway") in sentence


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("a.csv", "", ["is empty"]),
        ("a.csv", " \n \n", ["is empty"]),
        ("a.csv", "\ufeff", ["is empty"]),
        ("a.csv.gz", gzip.compress(b"", mtime=0), ["is empty"]),
        ("a.csv", "\n" + CSV, ["empty line", "header"]),
        ("a.csv", CSV.replace("\n", "\r"), ["carriage return", "line feeds"]),
        ("a.csv", HEADER + ",model\n", ["the column model twice"]),
        ("a.csv", HEADER + ",Model\n", ["twice"]),
        ("a.csv", '"call_id,provider\n', ["open quote"]),
        ("a.csv", CSV.replace("prompt_tokens", "tokens"), ["lacks", "prompt_tokens"]),
        (
            "a.csv",
            "call_id,provider,model,started_at\n",
            ["columns prompt_tokens, completion_tokens"],
        ),
        ("a.csv", "name,age\nAnn,7\n", ["no log", "call_id"]),
        ("notes.txt", "Dear all,\n\nplease find attached\n", ["no log"]),
        ("a.zip", b"PK\3\4\0\0\0\0", ["no log", "neither text nor Parquet"]),
        ("a.json", '{"data": []}', ["no log"]),
        (
            "a.json",
            json.dumps({"data": [RECORD], "total": 1, "page": 1}),
            ["no log", "one per line (jq -c '.data[]')"],
        ),
        (
            "a.json",
            '[{"startTime": "2026-11-22", "spend": 1.2, "users": {"u-7": 1.2}, "models": {}}]',
            ["sums of days", "summarize=false"],
        ),
        ("a.json", "{\n  broken\n}", ["no log", "no line is a JSON object"]),
        ("a.json", "[1, 2]", ["no log", "no JSON objects"]),
        ("a.json", '[{"call_id": "c1"},\n {"call_id": ]', ["JSON array", "line 2"]),
        ("a.json", "[" + json.dumps(RECORD), ["JSON array", "can't be read"]),
        ("a.parquet", b"PAR1 and no more", ["broken Parquet"]),
        ("a.json", f"[{json.dumps(RECORD)},]", ["JSON array", "can't be read"]),
        ("a.json", json.dumps([RECORD]) + "}", ["JSON array", "line 1"]),
        ("a.json", "[" * 200_000, ["JSON array", "can't be read"]),
        ("a.jsonl", '{"a":' * 200_000, ["no log", "no line is a JSON object"]),
        ("a.csv", "x" * 200_000, ["no log", "too long for a header"]),
        ("a.csv.gz", gzip.compress(CSV.encode() * 100)[:-20], ["broken gzip"]),
        ("a.csv", gzip.compress(CSV.encode()), ["packed with gzip", ".gz"]),
        ("a.csv.gz", CSV, ["not packed with gzip"]),
        ("a.csv", CSV.encode("utf-16")[:-1], ["UTF-16", "broken", "line 2"]),
        ("a.csv", CSV.encode("utf-32"), ["neither text nor Parquet"]),
        ("a.csv", CSV.encode() + b"c2,open\xffai\n", ["not UTF-8", "line 3"]),
        ("a.csv", CSV + "c2,open\1ai\n", ["U+0001", "line 3"]),
    ],
)
def test_file_faults(
    tmp_path: Path,
    project: Project,
    write: Write,
    name: str,
    content: str | bytes,
    parts: list[str],
) -> None:
    write("gateway/fine.csv", CSV)
    write(f"gateway/{name}", content)
    sentence = fault(tmp_path, project)
    for part in [f"gateway/{name}", *parts]:
        assert part in sentence
    assert "\n" not in sentence


def test_a_name_that_is_no_utf8(tmp_path: Path, project: Project, write: Write) -> None:
    write(os.fsdecode(b"gateway/caf\xe9.csv"), CSV)
    assert "caf\\udce9.csv' has a name that is no UTF-8: rename it." in fault(tmp_path, project)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path, project: Project, write: Write) -> None:
    write("gateway/a.csv", CSV).chmod(0)
    assert "gateway/a.csv can't be read (Permission denied)" in fault(tmp_path, project)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folders_are_named_like_files(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", "")
    write("gateway/b/c.csv", CSV).parent.chmod(0)
    write("gatway/gateway/d.csv", CSV).parent.parent.chmod(0)
    sentence = fault(tmp_path, project)
    assert "gateway/a.csv is empty" in sentence
    assert f"folder {tmp_path / 'gateway' / 'b'} can't be read (Permission denied)" in sentence
    assert "The folder gatway was not read (0 files): name it gateway" in sentence
    for mode in (0, 0o400):
        tmp_path.chmod(mode)
        assert f"The folder {tmp_path} can't be read" in fault(tmp_path, project)
        assert "can't be read" in fault(tmp_path / "raw", project)
    for folder in (tmp_path, tmp_path / "gateway" / "b", tmp_path / "gatway"):
        folder.chmod(0o700)


def test_a_link_to_nowhere_cannot_be_read(tmp_path: Path, project: Project) -> None:
    (tmp_path / "gateway").mkdir()
    (tmp_path / "gateway" / "a.csv").symlink_to(tmp_path / "gone.csv")
    assert "gateway/a.csv can't be read" in fault(tmp_path, project)


@pytest.mark.parametrize("is_packed", [False, True])
def test_lines_that_no_reader_takes_are_cut_out_of_a_copy(
    tmp_path: Path,
    project: Project,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_packed: bool,
) -> None:
    monkeypatch.setattr("exporter.raw.text.LONGEST_LINE", 1 << 20)
    # one of the most that may be, and others that are longer than the blocks of a pass, one with
    # an open quote
    longest, long = "y" * (1 << 20), "x" * (3 << 20)
    text = f'{CSV}{long}\n{ROW}\n"{long}""\n{longest}\n{ROW}\n{long}'.encode()
    name = "a.csv.gz" if is_packed else "a.csv"
    file = write(f"gateway/{name}", gzip.compress(text) if is_packed else text)
    write("gateway/b.csv", CSV)
    folder = tmp_path / "build"
    folder.mkdir()
    plan = plan_raw_files(tmp_path, project)
    (group,) = groups(plan)
    assert "cut" not in group
    plan.write(folder)
    (group,) = groups(plan)
    assert len(group["paths"]) == 2
    (copy,) = plan.copies.values()
    assert group["cut"] == {str(file): {"path": str(copy), "lines": [3, 5, 8]}}
    assert (copy.suffix == ".gz") == is_packed
    content = gzip.decompress(copy.read_bytes()) if is_packed else copy.read_bytes()
    assert content.decode() == f'{CSV}\n{ROW}\n"\n{longest}\n{ROW}\n\n'
    plan.remove_copies()
    assert [it.name for it in folder.iterdir()] == ["raw_files.json"]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        # without its header, or a line that has keys, nothing tells what a file is
        ("a.csv", HEADER + "x" * (3 << 20) + "\n" + ROW, 1),
        ("a.jsonl", "no record\n" + json.dumps(RECORD | {"x": "x" * (3 << 20)}), 2),
    ],
)
def test_a_line_that_tells_what_a_file_is_must_be_read(
    tmp_path: Path,
    project: Project,
    write: Write,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: str,
    line: int,
) -> None:
    monkeypatch.setattr("exporter.raw.text.LONGEST_LINE", 1 << 20)
    write(f"gateway/{name}", content)
    expected = f"gateway/{name} has a line of more than 1 MB (line {line})"
    assert expected in fault(tmp_path, project)


def test_bytes_that_are_no_text_are_found_far_behind_the_start(
    tmp_path: Path, project: Project, write: Write
) -> None:
    lines = 60_000
    write("gateway/a.csv", f"{HEADER}\n{'ü' + ROW}\n".encode() * lines + b"\xff\n")
    assert f"not UTF-8 text (line {2 * lines + 1})" in fault(tmp_path, project)


def test_all_faults_are_named_at_once_with_the_columns_that_the_files_have(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    write("gateway/b.csv", "")
    write("gateway/deep/c.csv", "name,age\nAnn,7\n")
    write("litellm/d.jsonl", json.dumps({"id": 1, "usage": {}}))
    write("contract_prices/e.csv", ",".join(f"column {number}" for number in range(30)))
    head, *lines = fault(tmp_path, project).splitlines()
    assert head == f"4 files of {tmp_path} can't be read:"
    for line, parts in zip(
        lines,
        [
            ["gateway/b.csv is empty"],
            ["gateway/deep/c.csv is no log", "it has the columns name, age"],
            ["litellm/d.jsonl is no log", "it has the keys id, usage"],
            ["contract_prices/e.csv is no log", "column 11 and 18 more,"],
        ],
        strict=True,
    ):
        for part in parts:
            assert part in line


def test_no_fault_quotes_the_record_that_stands_where_a_header_is_missing(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    write("gateway/b.csv", f'c1,2026-01-05,"{"a long prompt " * 5}","{{""role"": 1}}",gpt-5\n')
    sentence = fault(tmp_path, project)
    assert "it has the columns c1, gpt-5 and 3 more," in sentence


def test_faults_of_usage_logs_may_be_set_aside(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    write("gateway/b.csv", "")
    write("litellm/c.csv", "name,age\n")
    assert "With --set-aside" in fault(tmp_path, project)
    plan = plan_raw_files(tmp_path, project, set_aside=True)
    assert [found.file for found in plan.faults] == ["gateway/b.csv", "litellm/c.csv"]
    assert "gateway/b.csv is empty" in plan.faults[0].reason
    assert (plan.files, plan.usage_sources) == (1, ["gateway"])


def test_what_others_cost_by_is_not_set_aside(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    write("gateway/b.csv", "")
    for folder in ("contract_prices", "billing_periods", "exchange_rates"):
        file = write(f"{folder}/c.csv", "")
        with pytest.raises(UserError, match=f"{folder}/c.csv is empty.*for usage logs"):
            plan_raw_files(tmp_path, project, set_aside=True)
        file.unlink()


def test_files_that_are_loaded_may_be_set_aside_but_not_replaced(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("a.csv", CSV)
    write("b.csv", "")
    plan = plan_files("gateway", [tmp_path], project, set_aside=True)
    assert (plan.files, [found.file for found in plan.faults]) == (1, ["b.csv"])
    with pytest.raises(UserError, match=r"b\.csv is empty"):
        plan_files("contracts", [tmp_path / "b.csv"], project, set_aside=True)
    load = ["load", "gateway", tmp_path, "--target", "snowflake", "--home", tmp_path / "home"]
    result = focus_export(*load, "--set-aside", "--replace")
    assert_one_sentence(result, 2, "--replace empties the tables", "b.csv")
    assert not (tmp_path / "home").exists()


def test_all_usage_logs_are_not_set_aside(tmp_path: Path, project: Project, write: Write) -> None:
    write("gateway/a.csv", "")
    write("gatway/b.csv", CSV)
    with pytest.raises(UserError) as caught:
        plan_raw_files(tmp_path, project, set_aside=True)
    for part in ("gateway/a.csv is empty", "No other usage log", "The folder gatway was not read"):
        assert part in str(caught.value)


def test_a_file_that_goes_while_it_is_looked_at_is_named(
    tmp_path: Path, project: Project, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("gateway/a.csv", CSV)
    gone = write("gateway/b.csv", CSV)

    def read_and_lose(*_: object) -> None:
        gone.unlink(missing_ok=True)
        gone.open()

    monkeypatch.setattr("exporter.raw.shapes.check_text", read_and_lose)
    assert "gateway/b.csv can't be read (No such file" in fault(tmp_path, project)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gatewy", "gateway"),
        ("Gateway", "gateway"),
        ("litellm_spend_logs", "litellm"),
        ("LiteLLM_SpendLogs", "litellm"),
        ("gateway-calls", "gateway"),
        ("contract-prices", "contract_prices"),
    ],
)
def test_a_misspelt_folder_is_named_with_what_is_meant(
    tmp_path: Path, project: Project, write: Write, name: str, meant: str
) -> None:
    write(f"{name}/day/b.csv", CSV)
    write(f"{name}/c.csv", CSV)
    expected = f"The folder {name} was not read (2 files): name it {meant}, if"
    assert expected in fault(tmp_path, project)
    write("litellm/a.csv" if meant == "gateway" else "gateway/a.csv", CSV)
    plan = find_raw_files(tmp_path, project)
    assert [note for note in plan.notes if note.startswith(expected)]


def test_a_raw_folder_within_the_raw_folder_is_named(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("2026/gateway/a.csv", CSV)
    assert f"of its own, for --raw-dir {tmp_path / '2026'}" in fault(tmp_path, project)


def test_the_folder_of_a_source_is_no_raw_folder(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV)
    sentence = fault(tmp_path / "gateway", project)
    assert f"--raw-dir takes the folder that holds it, {tmp_path}." in sentence


@pytest.mark.parametrize("name", ["logs-rew", "Logs-Raw", "logs-rew/2026"])
def test_a_misspelt_raw_folder_is_named_with_its_neighbour(
    tmp_path: Path, project: Project, write: Write, name: str
) -> None:
    write("logs-raw/gateway/a.csv", CSV)
    sentence = fault(tmp_path / name, project)
    assert f"doesn't exist: did you mean {tmp_path / 'logs-raw'}?" in sentence


# ---------------------------------------------------------------- preview

LATE = CSV + ROW.replace("2026-01-05T10", "2026-02-05T01").replace("Z", "+02:00") + "\n"
RECORDS = [RECORD, {**RECORD, "started_at": "2026-02-05T01:00:00+02:00", "colour": "red"}]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", LATE),
        ("a [1].csv", LATE.replace(",", ";")),
        ("a.csv.gz", gzip.compress(LATE.encode())),
        ("a.csv", LATE + "no,record\n" + 'c9,"never closed'),
        ("a.jsonl", "\n".join([json.dumps(RECORDS[0]), "broken", json.dumps(RECORDS[1])])),
        ("a.json", json.dumps([*RECORDS, 7])),
        ("a.json.gz", gzip.compress(json.dumps(RECORDS).encode())),
    ],
)
def test_a_preview_tells_table_size_and_days_in_utc(
    tmp_path: Path, project: Project, write: Write, name: str, content: str | bytes
) -> None:
    file = write(f"gateway/{name}", content)
    head, line, *unread = preview(find_raw_files(tmp_path, project))
    size = file.stat().st_size
    assert head == f"Would read {size:,} bytes in {tmp_path}, files: 1"
    assert line.split("  ") == [
        f"gateway/{name}",
        "gateway_calls",
        f"{size:,} bytes",
        "2026-01-05 to 2026-02-04",
    ]
    assert unread == (["  not read: colour"] if ".json" in name else [])


def test_a_preview_of_parquet_reads_times_and_text(
    tmp_path: Path, project: Project, write: Write
) -> None:
    names = [f"'x' as {name}" for name in HEADER.split(",") if name != "started_at"]
    for name, value in (
        ("typed", "timestamptz '2026-03-05 23:00:00+00'"),
        ("bytes", "encode('2026-03-05 23:00:00')"),
    ):
        target = write(f"gateway/{name}.parquet", "")
        query = f"select {', '.join(names)}, 7 as colour, {value} as started_at"
        duckdb.sql(query).write_parquet(str(target))
    lines = list(preview(find_raw_files(tmp_path, project)))
    assert [line.split("  ")[-1] for line in lines[1::2]] == ["2026-03-05 to 2026-03-05"] * 2
    assert lines[2::2] == ["  not read: colour"] * 2


def test_of_a_large_file_a_preview_reads_the_first_rows(
    tmp_path: Path, project: Project, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("gateway/a.csv", LATE)
    write("gateway/b.csv", LATE)
    plan = find_raw_files(tmp_path, project)
    monkeypatch.setattr("exporter.raw.preview.FIRST_ROWS", 1)
    monkeypatch.setattr("exporter.raw.preview.MOST_BYTES_IN_ALL", len(LATE))
    days = [line.split("  ")[-1] for line in preview(plan)][1:]
    assert days == ["2026-01-05 to 2026-02-04", "2026-01-05 to …"]
    monkeypatch.setattr("exporter.raw.preview.MOST_BYTES", 1)
    assert [line.split("  ")[-1] for line in preview(plan)][1:] == ["2026-01-05 to …"] * 2


def test_a_preview_says_where_no_time_was_found(
    tmp_path: Path, project: Project, write: Write
) -> None:
    write("gateway/a.csv", CSV.replace("2026-01-05T10:00:00Z", ""))
    write("gateway/b.csv", CSV.replace("2026-01-05T10:00:00Z", "1767607200000"))
    tables = {table.name: table for table in project.raw_tables()}
    write("contract_prices/b.csv", ",".join(tables["contract_prices"].columns) + "\n")
    days = [line.split("  ")[-1] for line in preview(find_raw_files(tmp_path, project))][1:]
    assert days == ["-", "2026-01-05 to 2026-01-05", "-"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.json"])
def test_utf_16_is_read_as_its_copy(
    tmp_path: Path, project: Project, write: Write, encoding: str, name: str
) -> None:
    content = {".json": json.dumps(RECORDS), ".jsonl": json.dumps(RECORDS[0]) + "\n"}
    text = content.get(Path(name).suffix, CSV).replace("gpt-5", "größe").encode(encoding)
    file = write(f"gateway/{name}", gzip.compress(text) if name.endswith(".gz") else text)
    plan = plan_raw_files(tmp_path, project)
    plan.cut(tmp_path)
    (group,) = groups(plan)
    assert group["paths"] == [str(file)]
    copy = Path(group["cut"][str(file)]["path"])
    assert copy.read_text(encoding="utf-8-sig") == text.decode(encoding)
    assert [line.split("  ")[-1][:10] for line in preview(plan)][1] == "2026-01-05"
    plan.remove_copies()
    assert not copy.exists()


def row(**changes: str) -> str:
    return ",".join({**RECORD, **changes}.values())


def notes(root: Path, project: Project, write: Write, *lines: str, header: str = HEADER) -> RawPlan:
    write("gateway/a.csv", "\n".join([header, *lines]) + "\n")
    return plan_raw_files(root, project)


def test_words_for_nothing_are_said_once_and_a_name_is_kept(
    tmp_path: Path, project: Project, write: Write
) -> None:
    more = HEADER + ",customer_id,cost_department,cache_hit"
    said: dict[str, tuple[list[str], list[str]]] = {
        # what is nothing in every file
        "NULL,\\N,true": (
            [],
            ["writes no value as NULL (customer_id) and as \\N (cost_department)"],
        ),
        # in two columns of names
        "None,None,true": (["None"], ["writes no value as None (customer_id, cost_department)"]),
        # between quotes, and within JSON or a name
        '"None","null",true': ([], []),
        "Nonesuch,null & void,true": ([], []),
        # a department may be called so, and None is no
        "acme,null,true": ([], ["has null in cost_department alone"]),
        "acme,Sales,None": ([], []),
    }
    for cells, (nulls, expected) in said.items():
        plan = notes(tmp_path, project, write, f"{ROW},{cells}", f"{ROW},x,y,false", header=more)
        assert groups(plan)[0].get("nulls", []) == nulls, cells
        assert len(plan.notes) == len(expected), plan.notes
        for note, part in zip(plan.notes, expected, strict=True):
            assert f"gateway/a.csv {part}" in note


def test_a_word_among_numbers_is_nothing_in_the_whole_file(
    tmp_path: Path, project: Project, write: Write
) -> None:
    lines = [row(latency_ms="None"), row(latency_ms="12.5", call_id="c2")]
    plan = notes(tmp_path, project, write, *lines)
    assert groups(plan)[0]["nulls"] == ["None"]
    assert plan.notes == ["gateway/a.csv writes no value as None (latency_ms)."]


@pytest.mark.parametrize(
    ("cells", "commas", "is_said"),
    [
        (["0,5", "1,234"], ["latency_ms"], False),
        (["1234,567"], ["latency_ms"], False),
        (["4,5E-04"], ["latency_ms"], False),
        # a thousand or one
        (["1,234", "12,500"], [], True),
        # thousands
        (["1,234,567", "0,5"], [], True),
        (["1,234.5"], [], True),
        (["12.5"], [], False),
        # no column of numbers
        (["0,5", "a", "b"], [], False),
    ],
)
@pytest.mark.parametrize("is_quoted", [True, False], ids=["quotes", "semicolons"])
def test_a_file_has_a_decimal_comma_where_no_number_is_a_thousand(
    tmp_path: Path,
    project: Project,
    write: Write,
    cells: list[str],
    commas: list[str],
    is_said: bool,
    is_quoted: bool,
) -> None:
    if is_quoted:
        lines, header = [row(latency_ms=f'"{cell}"') for cell in cells], HEADER
    else:
        # the comma of the number comes last
        lines = [row(latency_ms="§").replace(",", ";").replace("§", cell) for cell in cells]
        header = HEADER.replace(",", ";")
    plan = notes(tmp_path, project, write, *lines, header=header)
    (group,) = groups(plan)
    assert group.get("commas", []) == commas
    assert group.get("numbers", []) == (
        ["latency_ms", "prompt_tokens", "completion_tokens"] if commas else []
    )
    assert bool(plan.notes) == is_said
    if is_said:
        assert "numbers such as 1,234 in latency_ms" in plan.notes[0]


@pytest.mark.parametrize("name", ["b.csv", "b.jsonl", "b.json", "b.parquet"])
def test_a_file_without_a_time_that_can_be_read_is_refused_by_the_form_of_one(
    tmp_path: Path, project: Project, write: Write, name: str
) -> None:
    write("gateway/a.csv", CSV)
    record = {**RECORD, "started_at": "23/11/26 um 9 Uhr"}
    file = write(f"gateway/{name}", "")
    if name == "b.csv":
        write("gateway/b.csv", "\n".join([HEADER, *[",".join(record.values())] * 3]))
    elif name == "b.parquet":
        items = [f"'{text}' as {key}" for key, text in record.items()]
        duckdb.sql(f"select {', '.join(items)}").write_parquet(str(file))
    else:
        write(f"gateway/{name}", json.dumps([record] if name == "b.json" else record))
    sentence = fault(tmp_path, project)
    assert f"gateway/{name} has no started_at that can be read" in sentence
    assert "looks like 99/99/99 aa 9 aaa (9 is a digit" in sentence
    assert "Unix time of 10, 13, 16 or 19 digits" in sentence
    # one that can be read is enough: the others are told by the build
    if name == "b.csv":
        write("gateway/b.csv", "\n".join([HEADER, ",".join(record.values()), ROW]))
        assert plan_raw_files(tmp_path, project).files == 2
