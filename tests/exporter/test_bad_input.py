"""Bad rows end to end: one build of many small files, and for each fault its one sentence.

File faults, which stop before the build, are in test_raw_files.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from conftest import assert_one_sentence, focus_export, rows_of

HEADER = (
    "call_id",
    "customer_id",
    "provider",
    "model",
    "started_at",
    "latency_ms",
    "prompt_tokens",
    "completion_tokens",
)


def call(call_id: str, **changes: str) -> dict[str, str]:
    """A call that is priced, but for the changes."""
    return {
        "call_id": call_id,
        "customer_id": "acme",
        "provider": "openai",
        "model": "gpt-5",
        "started_at": "2026-03-05T10:00:00Z",
        "latency_ms": "900",
        "prompt_tokens": "100",
        "completion_tokens": "20",
        **changes,
    }


def csv_line(record: dict[str, str], header: Sequence[str] = HEADER) -> str:
    return ",".join(record.get(name, "") for name in header)


def csv_text(*lines: dict[str, str] | str) -> str:
    texts = [line if isinstance(line, str) else csv_line(line) for line in lines]
    return "\n".join([",".join(HEADER), *texts]) + "\n"


def json_lines(*lines: dict[str, str] | str) -> str:
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n"


# each a file of its own
MANY = [f"many-{number}" for number in range(500)]
OPEN_QUOTE = csv_line(call("quote-open", model='"gpt-5'))
LONG_HEADERS = json.dumps({"X-Cost-Project": "atlas", "X-Note": "n" * 10_000_000})

FILES: dict[str, str | bytes] = {
    "malformed.jsonl": json_lines(
        call("json-1"), '{"call_id": "json-bad", "provider": ', "[1, 2]", "", call("json-2")
    ),
    "array.json": json.dumps([call("array-1"), 7, call("array-2")], indent=1),
    "fields.csv": csv_text(
        call("fields-1"),
        csv_line(call("fields-few")).rsplit(",", 1)[0],
        csv_line(call("fields-many")) + ",surplus",
        call("fields-2"),
    ),
    "quote.csv": csv_text(
        call("quote-1", model='"gpt-5"'),
        call("quote-2", customer_id='"Acme, ""the"" firm\nof two lines"'),
        call("quote-bare", customer_id='Ac"me"'),
        OPEN_QUOTE,
        call("quote-swallowed"),
    ),
    "long.jsonl": json_lines(
        {**call("long-1"), "headers": LONG_HEADERS},
        '{"call_id": "' + "x" * 10_000_000,
        call("long-2"),
    ),
    "part-1.csv": csv_text(call("part-1-1"), call("part-1-2"), call("part-1-3")),
    "part-2.csv": csv_text(
        call("part-2-1"), call("part-2-2"), call("part-2-bad", prompt_tokens="many")
    ),
    "tokens.csv": csv_text(
        call("tokens-1"),
        call("tokens-negative", prompt_tokens="-1"),
        call("tokens-fraction", completion_tokens="7.5"),
        call("tokens-exponent", prompt_tokens="1e3"),
        call("tokens-empty", prompt_tokens=""),
        call("tokens-remainder", prompt_tokens="5", latency_ms="12.5"),
        call("tokens-thousand", completion_tokens="1.000"),
        call("tokens-decimal", prompt_tokens="1000.0"),
        call("tokens-point", prompt_tokens="2.000"),
    ),
    # one reading per file and column
    "separator.csv": csv_text(
        call("separator-1"),
        call("separator-round", prompt_tokens="1.000"),
        call("separator-odd", prompt_tokens="1.234"),
        call("separator-zeros", prompt_tokens="12.500"),
    ),
    "decimals.csv.gz": gzip.compress(
        csv_text(
            call("decimals-1", prompt_tokens="1.000"),
            call("decimals-half", prompt_tokens="12.500"),
            call("decimals-3", prompt_tokens="3.000"),
        ).encode()
    ),
    # a number of JSON has no separator; a text may have one
    "numbers.jsonl": json_lines(
        json.dumps(call("numbers-1")).replace('"100"', "1.000"),
        call("numbers-text", completion_tokens="1.000"),
    ),
    "nulls.csv": csv_text(
        call("nulls-1", customer_id="NULL"),
        call("nulls-2", customer_id="\\N"),
        call("nulls-3", customer_id='"NULL"'),
        call("nulls-4", customer_id="NULLS"),
        call("nulls-bad", model="NULL"),
    ),
    # None means nothing here, since it stands among the numbers of another column
    "markers.csv": csv_text(
        call("markers-1", customer_id="None"),
        call("markers-2", customer_id='"None"'),
        call("markers-bad", prompt_tokens="None"),
    ),
    # here it may be a customer
    "name.csv": csv_text(call("named-1", customer_id="None"), call("named-2")),
    # what Excel makes of it in German
    "excel.csv": csv_text(
        call("excel-1", latency_ms="0§5"),
        call("excel-2", latency_ms="1§234", prompt_tokens="1000§0"),
        call("excel-point", latency_ms="1.234"),
        call("excel-thousand", prompt_tokens="1.000"),
    )
    .replace(",", ";")
    .replace("§", ","),
    # no count of it tells what 1,000 is
    "quoted.csv": csv_text(
        call("quoted-1", latency_ms='"1250,75"'), call("quoted-bad", prompt_tokens='"1,000"')
    ),
    "wide.csv": csv_text(call("wide-1", customer_id="Müller"), call("wide-bad", prompt_tokens="-7"))
    .replace("\n", "\r\n")
    .encode("utf-16"),
    "wide.json": json.dumps([call("wide-2", customer_id="Müller")]).encode("utf-16-be"),
    "unix.jsonl": json_lines(
        json.dumps(call("unix-1")).replace('"2026-03-05T10:00:00Z"', "1772704800"),
        json.dumps(call("unix-2")).replace('"2026-03-05T10:00:00Z"', "1772704800000"),
        call("unix-3", started_at="1772704800.0"),
        call("unix-short", started_at="177270480"),
    ),
    "named.jsonl": json_lines(
        call("spelt-1", started_at="Thu, 05 Mar 2026 10:00:00 GMT"),
        call("spelt-2", started_at="Thu Mar 05 2026 11:00:00 GMT+0100 (CET)"),
        call("spelt-3", started_at="20260305T100000Z"),
        call("spelt-4", started_at="05/Mar/2026:12:00:00 +0200"),
    ),
    "dates.csv": csv_text(
        call("dates-1", started_at="2026-03-05T12:00:00+02:00"),
        call("dates-none", started_at="2026-02-30T10:00:00Z"),
        call("dates-word", started_at="yesterday"),
        call("dates-empty", started_at=""),
    ),
    "bom.csv": "\ufeff" + csv_text(call("bom-1"), call("bom-bad", prompt_tokens="-7")),
    "bom.jsonl": "\ufeff" + json_lines(call("bomjson-1"), call("bomjson-bad", prompt_tokens="-7")),
    "crlf.csv": csv_text(call("crlf-1"), call("crlf-bad", prompt_tokens="-8")).replace(
        "\n", "\r\n"
    ),
    "order.csv": "\n".join(
        [
            ",".join((*HEADER[::-1], "colour")),
            csv_line(call("order-1", colour="red"), (*HEADER[::-1], "colour")),
        ]
    ),
    "optional.csv": "\n".join(
        [
            ",".join(name for name in HEADER if name != "customer_id"),
            csv_line(call("optional-1"), [name for name in HEADER if name != "customer_id"]),
        ]
    ),
    "packed.csv.gz": gzip.compress(
        csv_text(call("packed-1"), call("packed-bad", prompt_tokens="-9")).encode()
    ),
    "semicolon.csv": csv_text(call("semicolon-1"), call("semicolon-2")).replace(",", ";"),
    "folder with 'quotes' [1]/and *.csv": csv_text(call("name-1")),
    # names that are patterns of the name beside them
    "again[1].csv": csv_text(call("pattern-1")),
    "again1.csv": csv_text(call("pattern-2")),
    "again*.jsonl": json_lines(call("pattern-3")),
    "again and again.jsonl": json_lines(call("pattern-4")),
    "again?.json": json.dumps([call("pattern-5")]),
    "again!.json": json.dumps([call("pattern-6")]),
    # endings and folders that DuckDB goes by
    "text.csv.zst": csv_text(call("ending-1")),
    "line=3/part.csv": csv_text(call("folder-1")),
    "line=3/part.json": json.dumps([call("folder-2")]),
    # more microseconds than 32 bits hold
    "hours.csv": csv_text(call("hours-1", latency_ms="999999999999")),
    "zones.csv": csv_text(
        call("zones-1", started_at="2026-03-05 10:00:00 UTC"),
        call("zones-2", started_at="2026-03-05 11:00:00 Europe/Berlin"),
        call("zones-several", started_at="2026-03-05 10:00:00 BST"),
        call("zones-far", started_at="2026-03-05T10:00:00+25:00"),
    ),
}

# file -> (line, field, what the reason says)
REJECTED: dict[str, list[tuple[int, str | None, tuple[str, ...]]]] = {
    "malformed.jsonl": [(2, None, ("not valid JSON",)), (3, None, ("no JSON object",))],
    "array.json": [(2, None, ("no JSON object",))],
    "fields.csv": [
        (3, None, ("7 fields", "header has 8")),
        (4, None, ("9 fields", "header has 8")),
    ],
    "quote.csv": [(5, None, ("quote",)), (6, None, ("quote", "never closed", "lines 6 to 7"))],
    "long.jsonl": [(2, None, ("not valid JSON",))],
    "part-2.csv": [(4, "prompt_tokens", ("many", "whole number"))],
    "tokens.csv": [
        (3, "prompt_tokens", ("-1", "whole number")),
        (4, "completion_tokens", ("7.5", "whole number")),
        (5, "prompt_tokens", ("1e3", "whole number")),
        (6, "prompt_tokens", ("missing",)),
    ],
    "separator.csv": [
        (3, "prompt_tokens", ("1.000", "others of its file", "write it without")),
        (4, "prompt_tokens", ("1.234", "separator", "write it without")),
        (5, "prompt_tokens", ("12.500", "whole number")),
    ],
    "decimals.csv.gz": [(3, "prompt_tokens", ("12.500", "whole number"))],
    "numbers.jsonl": [(2, "completion_tokens", ("1.000", "ambiguous", "without a separator"))],
    "cut.jsonl.gz": [(2, None, ("64 MB",)), (3, "call_id", ("missing",))],
    "cut.csv.gz": [(3, None, ("64 MB",)), (5, None, ("64 MB",)), (9, None, ("64 MB",))],
    "nulls.csv": [(6, "model", ("missing",))],
    "markers.csv": [(4, "prompt_tokens", ("missing",))],
    "excel.csv": [
        (4, None, ("latency_ms", "decimal comma")),
        (5, None, ("prompt_tokens", "decimal comma")),
    ],
    "quoted.csv": [(3, "prompt_tokens", ("1,000", "whole number"))],
    "wide.csv": [(3, "prompt_tokens", ("-7",))],
    "unix.jsonl": [(4, "started_at", ("177270480", "no date"))],
    "dates.csv": [
        (3, "started_at", ("2026-02-30T10:00:00Z", "no date")),
        (4, "started_at", ("yesterday", "no date")),
        (5, "started_at", ("missing",)),
    ],
    "bom.csv": [(3, "prompt_tokens", ("-7",))],
    "bom.jsonl": [(2, "prompt_tokens", ("-7",))],
    "crlf.csv": [(3, "prompt_tokens", ("-8",))],
    "packed.csv.gz": [(3, "prompt_tokens", ("-9",))],
    "typed.parquet": [(2, "prompt_tokens", ("-3",))],
    "zones.csv": [
        (4, "started_at", ("BST", "no date")),
        (5, "started_at", ("+25:00", "no date")),
    ],
}

GOOD = {
    *("json-1", "json-2", "array-1", "array-2", "fields-1", "fields-2", "quote-1", "quote-2"),
    *("long-1", "long-2", "part-1-1", "part-1-2", "part-1-3", "part-2-1", "part-2-2"),
    *(
        "tokens-1",
        "tokens-remainder",
        "tokens-decimal",
        "tokens-thousand",
        "tokens-point",
        "dates-1",
        "bom-1",
        "bomjson-1",
        "crlf-1",
        "order-1",
    ),
    *("optional-1", "packed-1", "semicolon-1", "semicolon-2", "name-1", "typed-1", "bytes-1"),
    *("pattern-1", "pattern-2", "pattern-3", "pattern-4", "pattern-5", "pattern-6"),
    *("nulls-1", "nulls-2", "nulls-3", "nulls-4", "scaled-1"),
    *("separator-1", "decimals-1", "decimals-3", "numbers-1"),
    *("cut-1", "cut-2", "cut-3", "cut-4", "cut-5", "cut-6"),
    *("hours-1", "zones-1", "zones-2", "ending-1", "folder-1", "folder-2"),
    *("markers-1", "markers-2", "named-1", "named-2", "excel-1", "excel-2", "quoted-1"),
    *("wide-1", "wide-2", "unix-1", "unix-2", "unix-3"),
    *("spelt-1", "spelt-2", "spelt-3", "spelt-4"),
    *MANY,
}


def write_files(folder: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)


def write_parquet(file: Path) -> None:
    duckdb.sql(
        """
        select
            call_id, 'openai' as provider, 'gpt-5' as model, prompt_tokens,
            timestamptz '2026-03-05 10:00:00+00' as started_at,
            cast(900 as integer) as latency_ms, cast(20 as bigint) as completion_tokens
        from (values ('typed-1', 100), ('typed-bad', -3)) as calls (call_id, prompt_tokens)
        """
    ).write_parquet(str(file))


def write_bytes_parquet(file: Path) -> None:
    """Text without a mark that it is text, in a folder that is named as a partition is."""
    file.parent.mkdir()
    duckdb.sql(
        """
        select
            'bytes-1' as call_id, encode('Müller') as customer_id, encode('openai') as provider,
            encode('gpt-5') as model, '2026-03-05 10:00:00' as started_at,
            900 as latency_ms, 100 as prompt_tokens, 20 as completion_tokens
        """
    ).write_parquet(str(file))


def write_decimal_parquet(file: Path) -> None:
    """A count in a column with decimals: the type's zeros are no thousands."""
    duckdb.sql(
        """
        select
            'scaled-1' as call_id, 'openai' as provider, 'gpt-5' as model,
            '2026-03-05 10:00:00' as started_at, 900 as latency_ms,
            cast(1 as decimal(18, 3)) as prompt_tokens, 20 as completion_tokens
        """
    ).write_parquet(str(file))


def write_long_lines(folder: Path) -> None:
    """A line of more than 64 MB, as a record, within one and with the only quote that is open."""
    filler = gzip.compress(b"x" * ((64 << 20) + 1), compresslevel=1)
    head, tail = json_lines(call("cut-1"), '{"call_id": "').rstrip("\n"), '"}\n{}\n'
    tail += json_lines(call("cut-2"))
    pieces = [
        csv_text(call("cut-3"), call("cut-whole", customer_id="")).rstrip("\n"),
        csv_line(call("\ncut-4")) + "\n" + csv_line(call("cut-part", customer_id='"two\n')),
        '\nlines"' + csv_line(call("\ncut-5")) + '\n"cut-open',
        '""\nline",,,,,,,' + csv_line(call("\ncut-6")),
    ]
    packed = gzip.compress(head.encode()) + filler + gzip.compress(tail.encode())
    (folder / "cut.jsonl.gz").write_bytes(packed)
    packed = filler.join(gzip.compress(piece.encode()) for piece in pieces)
    (folder / "cut.csv.gz").write_bytes(packed)


class Built:
    """One build of all the files above, and of many."""

    def __init__(self, folder: Path) -> None:
        self.raw, self.home = folder / "raw", folder / "home"
        write_files(self.raw / "gateway", FILES)
        write_files(
            self.raw / "gateway" / ("a folder with a long name " * 8),
            {f"{name}.csv": csv_text(call(name)) for name in MANY},
        )
        write_parquet(self.raw / "gateway" / "typed.parquet")
        write_decimal_parquet(self.raw / "gateway" / "scaled.parquet")
        write_long_lines(self.raw / "gateway")
        write_bytes_parquet(self.raw / "gateway" / "model=gpt-5-mini" / "bytes.parquet")
        self.result = focus_export("build", "--home", self.home, "--raw-dir", self.raw, "--strict")
        self.database = self.home / "ai_focus.duckdb"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    built = Built(tmp_path_factory.mktemp("bad_input"))
    # published, and 3 because --strict asks for completeness
    assert_one_sentence(built.result, 3, "published but not complete")
    return built


@pytest.mark.parametrize("name", sorted({*FILES, *REJECTED}))
def test_each_bad_row_has_its_sentence(built: Built, name: str) -> None:
    rows = rows_of(
        built.database,
        "select line, field, reason from ai_unreadable_records where file = ? order by line",
        [f"gateway/{name}"],
    )
    expected = REJECTED.get(name, [])
    assert [(line, field) for line, field, _ in rows] == [
        (line, field) for line, field, _ in expected
    ]
    for (_, _, reason), (_, _, parts) in zip(rows, expected, strict=True):
        assert len(reason) < 300
        for part in parts:
            assert part in reason


def test_every_good_row_is_a_call(built: Built) -> None:
    rows = rows_of(built.database, "select call_id, hold_reason from ai_calls")
    assert {call_id for call_id, _ in rows} == GOOD
    assert len(rows) == len(GOOD)
    assert {reason for _, reason in rows} == {None}


def test_no_other_rows_are_rejected(built: Built) -> None:
    expected = sum(len(faults) for faults in REJECTED.values())
    assert rows_of(built.database, "select count(*) from ai_unreadable_records") == [(expected,)]


def test_quoted_fields_keep_their_text(built: Built) -> None:
    query = "select billing_account_id from ai_calls where call_id = 'quote-2'"
    assert rows_of(built.database, query) == [('Acme, "the" firm\nof two lines',)]


def test_null_is_a_word_without_quotes(built: Built) -> None:
    query = "select billing_account_id from ai_calls where call_id like 'nulls-%' order by call_id"
    expected = [("default",), ("default",), ("NULL",), ("NULLS",)]
    assert rows_of(built.database, query) == expected


def test_other_words_are_null_in_a_file_that_writes_nothing_so(built: Built) -> None:
    query = (
        "select call_id, billing_account_id from ai_calls"
        " where regexp_matches(call_id, '^(markers|named)-') order by 1"
    )
    assert rows_of(built.database, query) == [
        ("markers-1", "default"),
        ("markers-2", "None"),
        ("named-1", "None"),
        ("named-2", "acme"),
    ]
    for note in (
        "gateway/markers.csv writes no value as None (customer_id, prompt_tokens).",
        "gateway/name.csv has None in customer_id alone",
        "gateway/nulls.csv writes no value as NULL (customer_id, model) and as \\N (customer_id).",
    ):
        assert built.result.stderr.count(note) == 1


def test_a_decimal_comma_is_a_point_and_utf_16_is_text(built: Built) -> None:
    query = (
        "select call_id, latency_ms, input_tokens, billing_account_id from ai_calls"
        " where regexp_matches(call_id, '^(excel|quoted|wide)-') order by 1"
    )
    assert rows_of(built.database, query) == [
        ("excel-1", Decimal("0.500"), 100, "acme"),
        ("excel-2", Decimal("1.234"), 1000, "acme"),
        ("quoted-1", Decimal("1250.750"), 100, "acme"),
        ("wide-1", Decimal("900.000"), 100, "Müller"),
        ("wide-2", Decimal("900.000"), 100, "Müller"),
    ]


def test_a_count_with_decimals_is_that_count(built: Built) -> None:
    query = (
        "select call_id, input_tokens, output_tokens from ai_calls where regexp_matches(call_id,"
        " '^(decimals|numbers|scaled|tokens-decimal|tokens-point|tokens-thousand)') order by 1"
    )
    assert rows_of(built.database, query) == [
        ("decimals-1", 1, 20),
        ("decimals-3", 3, 20),
        ("numbers-1", 1, 20),
        ("scaled-1", 1, 20),
        ("tokens-decimal", 1000, 20),
        ("tokens-point", 2, 20),
        # 7.5 of the column is no count, and its point is one before decimals
        ("tokens-thousand", 100, 1),
    ]


def test_bytes_of_parquet_are_text_and_folders_are_no_columns(built: Built) -> None:
    query = "select billing_account_id, model_as_sent from ai_calls where call_id = 'bytes-1'"
    assert rows_of(built.database, query) == [("Müller", "gpt-5")]


def test_more_files_than_an_environment_holds_names_of(built: Built) -> None:
    names = [str(path) for path in built.raw.rglob("*") if path.is_file()]
    # of one variable of a process, in Linux
    assert sum(map(len, names)) > 128 * 1024
    query = "select count(*) from ai_calls where call_id like 'many-%'"
    assert rows_of(built.database, query) == [(len(MANY),)]


def test_a_long_line_is_read_whole(built: Built) -> None:
    query = "select tags_json from ai_calls where call_id = 'long-1'"
    assert '"atlas"' in rows_of(built.database, query)[0][0]


def test_times_of_all_formats_are_utc(built: Built) -> None:
    query = "select distinct cast(started_at as varchar) from ai_calls"
    assert rows_of(built.database, query) == [("2026-03-05 10:00:00",)]


def test_no_fault_of_a_line_quotes_what_stands_in_it(built: Built) -> None:
    # a line can hold a prompt
    query = "select distinct reason from ai_unreadable_records where field is null"
    reasons = [reason for (reason,) in rows_of(built.database, query)]
    assert len(reasons) >= 5
    assert [reason for reason in reasons if "gpt-5" in reason or "bad" in reason] == []


def test_the_summary_says_what_is_missing(built: Built) -> None:
    expected = sum(len(faults) for faults in REJECTED.values())
    lacks = f"Not in these totals: {expected} unreadable lines (gateway {expected})"
    assert lacks in built.result.stderr
    assert "gateway/order.csv has columns that are not read: colour" in built.result.stderr
    assert "100.0 %  of calls, 100.0 % of tokens" in built.result.stdout


def test_every_mart_is_readable_when_the_raw_folder_is_gone(built: Built) -> None:
    gone = built.raw.with_name("moved")
    built.raw.rename(gone)
    try:
        relations = rows_of(
            built.database,
            "select table_name from information_schema.tables where table_schema = 'main'",
        )
        assert len(relations) > 10
        for (relation,) in relations:
            rows_of(built.database, f'select count(*) from "{relation}"')
    finally:
        gone.rename(built.raw)


def test_a_file_of_which_every_row_is_bad_stops_the_publication(
    built: Built, tmp_path: Path
) -> None:
    published, builds = built.database.readlink(), sorted(built.home.glob("builds/*"))
    bad = csv_text(call("c", model=""), call("d", prompt_tokens="-1"))
    files = {"a.csv": csv_text(call("a")), "b.csv": bad, "c.csv": csv_text(call("e", model=""))}
    write_files(tmp_path / "gateway", files)
    result = focus_export("build", "--home", built.home, "--raw-dir", tmp_path)
    assert_one_sentence(result, 2, f"2 files of {tmp_path} can't be read")
    assert "No line of gateway/b.csv can be read, the first because: model" in result.stderr
    assert "No line of gateway/c.csv can be read, the first because: model" in result.stderr
    assert built.database.readlink() == published
    assert sorted(built.home.glob("builds/*")) == builds
    # of other files on the next day dbt parses nothing anew
    log = (built.home / "logs" / "dbt.log").read_text(encoding="utf-8")
    assert "no changes found, skipping parsing" in log.rsplit("=" * 30)[-1]


@pytest.mark.parametrize("arguments", [["build"], ["run"], ["build", "--dry-run"]], ids=" ".join)
def test_file_faults_stop_before_the_build(tmp_path: Path, arguments: list[str]) -> None:
    files = {"a.csv": "name,age\nAnn,7\n"}
    write_files(tmp_path / "raw" / "gateway", files)
    home = tmp_path / "home"
    arguments += ["--home", str(home), "--raw-dir", str(tmp_path / "raw")]
    result = focus_export(*arguments)
    assert_one_sentence(result, 2, "gateway/a.csv is no log that is known here", "name, age")
    write_files(tmp_path / "raw" / "gateway", {"b.csv": "", "c.csv": csv_text(call("c"))})
    result = focus_export(*arguments)
    assert_one_sentence(result, 2, f"2 files of {tmp_path / 'raw'} can't be read:")
    assert "\n  gateway/a.csv is no log" in result.stderr
    assert "\n  gateway/b.csv is empty" in result.stderr
    assert not home.exists()


SET_ASIDE = {
    "gateway/empty.csv": "gateway/empty.csv is empty",
    "litellm/notes.csv": "litellm/notes.csv is no log that is known here: it has the columns name",
    "gateway/rejected.csv": "No line of gateway/rejected.csv can be read, the first because",
}


# calls of a period that is closed, and what they are when they come again
MOVES = {
    "month": {"started_at": "2026-04-01T00:00:01Z"},
    "provider": {"provider": "azure"},
    "unknown model": {"started_at": "2026-04-01T00:00:01Z", "model": "gpt-99"},
    "unknown provider": {"provider": "nobody"},
}


@pytest.fixture(scope="module")
def set_aside(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A raw folder with its home beside it, and what was said of the main job on it."""
    raw = tmp_path_factory.mktemp("set_aside") / "raw"
    files: dict[str, str | bytes] = {
        "gateway/fine.csv": csv_text(call("a")),
        "gateway/moved.jsonl": json_lines(
            *(call(name, ingested_at="2026-03-06T00:00:00Z") for name in MOVES),
            *(call(name, ingested_at="2026-04-10T00:00:00Z", **to) for name, to in MOVES.items()),
        ),
        "gateway/empty.csv": "",
        "gateway/rejected.csv": csv_text(call("c", model=""), call("d", prompt_tokens="-1")),
        "litellm/notes.csv": "name,age\n",
        "billing_periods/periods.csv": "issuer,billing_period,closed_at\n"
        "openai,2026-03,2026-04-04T09:00:00Z\n",
    }
    write_files(raw, files)
    home = raw.with_name("home")
    result = focus_export("run", "--set-aside", "--raw-dir", raw, "--home", home)
    assert_one_sentence(result, 3, "Done without 3 raw files")
    return raw, result.stdout, result.stderr


def test_a_run_goes_on_without_files_that_it_names(set_aside: tuple[Path, str, str]) -> None:
    raw, out, errors = set_aside
    assert [line.split() for line in out.splitlines() if "Set aside" in line] == [
        ["Set", "aside", "3", "raw", "files"]
    ]
    for sentence in SET_ASIDE.values():
        assert f"\n  {sentence}" in errors
    home = raw.with_name("home")
    described = json.loads((home / "ai_focus.duckdb").resolve().with_name("build.json").read_text())
    manifest = home / "exports" / "focus_cost_and_usage.csv.manifest.json"
    for told in (described, json.loads(manifest.read_text())["build"]):
        reasons = {fault["file"]: fault["reason"] for fault in told["set_aside"]}
        assert reasons.keys() == SET_ASIDE.keys()
        for file, sentence in SET_ASIDE.items():
            assert reasons[file].startswith(sentence)
    # what could be read is there, and what was rejected too
    database = home / "ai_focus.duckdb"
    calls = dict(rows_of(database, "select call_id, count(*) from ai_calls group by all"))
    assert calls.keys() == {"a", *MOVES}
    assert calls["a"] == 1
    assert rows_of(database, "select count(*) from ai_unreadable_records") == [(2,)]


def test_a_call_that_leaves_a_closed_period_is_taken_back_in_a_later_one(
    set_aside: tuple[Path, str, str],
) -> None:
    database = set_aside[0].with_name("home") / "ai_focus.duckdb"
    charges = rows_of(
        database,
        """
        select x_CallId, strftime(BillingPeriodStart, '%Y-%m'),
            strftime(ChargePeriodStart, '%Y-%m'), ServiceProviderName, ChargeClass,
            sum(BilledCost), count(distinct x_ChargeId)
        from focus_cost_and_usage_v1_4 where x_CallId <> 'a' group by all
        """,
    )
    # 100 tokens at 1.25 and 20 at 10 USD a million
    cost = Decimal("0.000325")
    kept = {(name, "2026-03", "2026-03", "OpenAI", None, cost, 2) for name in MOVES}
    taken_back = {(name, "2026-04", "2026-03", "OpenAI", "Correction", -cost, 2) for name in MOVES}
    assert set(charges) == kept | taken_back | {
        ("month", "2026-04", "2026-04", "OpenAI", None, cost, 2),
        ("provider", "2026-03", "2026-03", "Microsoft", None, cost, 2),
    }
    held = rows_of(
        database,
        "select call_id, billed_cost, hold_reason from ai_calls where billed_cost is null",
    )
    assert set(held) == {
        ("unknown model", None, "unknown_model"),
        ("unknown provider", None, "unknown_model"),
    }


def test_a_closed_period_comes_to_what_was_known_when_it_was_closed(
    set_aside: tuple[Path, str, str],
) -> None:
    database = set_aside[0].with_name("home") / "ai_focus.duckdb"
    # "a" and the calls that moved later, each 100 tokens at 1.25 and 20 at 10 USD a million
    cost = (1 + len(MOVES)) * Decimal("0.000325")
    found = rows_of(
        database,
        "select InvoiceIssuerName, BillingCurrency, sum(BilledCost) from focus_cost_and_usage"
        " where BillingPeriodStart = timestamp '2026-03-01' and InvoiceIssuerName = 'OpenAI'"
        " group by all",
    )
    assert found == [("OpenAI", "USD", cost)]


def test_an_extract_says_that_files_were_set_aside(set_aside: tuple[Path, str, str]) -> None:
    home = set_aside[0].with_name("home")
    result = focus_export("export", "--home", home, "--output", "-", "--strict")
    assert_one_sentence(result, 3, "3 raw files were set aside")


def test_a_file_that_a_closed_period_may_hold_is_not_set_aside(
    set_aside: tuple[Path, str, str],
) -> None:
    raw = set_aside[0]
    home = raw.with_name("home")
    published = (home / "ai_focus.duckdb").readlink()
    fine = raw / "gateway" / "fine.csv"
    content = fine.read_bytes()
    fine.write_bytes(content + b"\xff")
    write_files(raw, {"gateway/other.csv": csv_text(call("b"))})
    try:
        for more in ([], ["--dry-run"]):
            result = focus_export("build", "--set-aside", "--raw-dir", raw, "--home", home, *more)
            assert_one_sentence(result, 2, "gateway/fine.csv can't be set aside", "Mend the file")
            assert "empty.csv can't be set aside" not in result.stderr
    finally:
        fine.write_bytes(content)
        (raw / "gateway" / "other.csv").unlink()
    assert (home / "ai_focus.duckdb").readlink() == published


def test_a_closed_period_keeps_a_file_of_which_every_record_is_now_rejected(
    set_aside: tuple[Path, str, str],
) -> None:
    raw = set_aside[0]
    home = raw.with_name("home")
    published = (home / "ai_focus.duckdb").readlink()
    write_files(
        raw,
        {
            "gateway/fine.csv": csv_text(call("a", model="")),
            "gateway/other.csv": csv_text(call("b")),
        },
    )
    result = focus_export("build", "--set-aside", "--raw-dir", raw, "--home", home)
    assert_one_sentence(result, 2, "gateway/fine.csv can't be set aside", "Nothing was published")
    assert (home / "ai_focus.duckdb").readlink() == published


def test_a_file_that_was_set_aside_is_named_when_it_is_read(
    set_aside: tuple[Path, str, str],
) -> None:
    raw = set_aside[0]
    write_files(raw, {"gateway/empty.csv": csv_text(call("late"))})
    place = ["--raw-dir", raw, "--home", raw.with_name("home")]
    result = focus_export("build", "--dry-run", "--set-aside", *place)
    assert "gateway/empty.csv was set aside before and is read now" in result.stderr
    assert "notes.csv was set aside before" not in result.stderr


@pytest.mark.parametrize("command", ["build", "run"])
def test_a_dry_run_shows_what_would_be_read_and_builds_nothing(
    tmp_path: Path, command: str
) -> None:
    write_files(
        tmp_path / "raw",
        {"gateway/a.csv": csv_text(call("a")), "litellm/b.csv": "", "gatewy/c.csv": ""},
    )
    home = tmp_path / "home"
    place = ["--raw-dir", tmp_path / "raw", "--home", home]
    result = focus_export(command, "--dry-run", "--set-aside", *place)
    assert_one_sentence(result, 3, "Done without 1 raw file")
    assert "gateway/a.csv  gateway_calls" in result.stdout
    assert "2026-03-05 to 2026-03-05" in result.stdout
    assert "litellm/b.csv is empty" in result.stderr
    assert "The folder gatewy was not read (1 file): name it gateway" in result.stderr
    (tmp_path / "raw" / "litellm" / "b.csv").unlink()
    result = focus_export(command, "--dry-run", *place)
    assert result.returncode == 0, result.stderr
    assert not home.exists()
    assert_one_sentence(focus_export(command, "--dry-run", "--home", home), 2, "--raw-dir")


def test_unknown_source_stops_before_the_build(tmp_path: Path) -> None:
    result = focus_export("build", "--home", tmp_path, "--source", "gatway")
    assert_one_sentence(result, 2, "There is no source 'gatway'", "gateway, litellm")
