"""`focus-export validate` on whole files: verdicts, exit codes and one-sentence faults."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from exporter.commands.validate import command
from exporter.errors import UserError
from exporter.focus import rules, validate

VALID = {
    "BilledCost": "1.5", "BillingAccountId": "012345678901", "BillingAccountName": "",
    "BillingCurrency": "USD", "BillingPeriodEnd": "2026-02-01T00:00:00Z",
    "BillingPeriodStart": "2026-01-01T00:00:00Z", "ChargeCategory": "Usage", "ChargeClass": "",
    "ChargeDescription": "Output tokens, model m", "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-01-05T00:00:00Z", "ChargePeriodStart": "2026-01-04T00:00:00Z",
    "ConsumedQuantity": "500000", "ConsumedUnit": "Tokens", "ContractedCost": "1.5",
    "ContractedUnitPrice": "3", "EffectiveCost": "1.5", "InvoiceIssuerName": "OpenAI",
    "ListCost": "1.5", "ListUnitPrice": "3", "PricingCategory": "Standard",
    "PricingQuantity": "5e-1", "PricingUnit": "1000000 Tokens", "ProviderName": "OpenAI",
    "PublisherName": "OpenAI", "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "OpenAI API", "SkuId": "s", "SkuPriceId": "p", "Tags": '{"a": "b, c"}',
}  # fmt: skip


def write_csv(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def failing(path: Path, version: str = "1.0") -> dict[str, validate.Failure]:
    report = validate.check_file(path, "CostAndUsage", version)
    return {f.rule_id: f for f in report.failures if f.level == "must"}


def run_validate(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_a_strangers_csv_without_optional_columns_passes(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "bill.csv", VALID, VALID)
    report = validate.check_file(path, "CostAndUsage", "1.0")
    assert report.passed
    assert report.rows == 2
    assert "CostAndUsage.RegionId.presence" in {f.rule_id for f in report.failures}
    assert "CostAndUsage.CommitmentDiscountStatus.allowed" in report.not_judged


def test_gzip_bom_and_semicolons_are_read(tmp_path: Path) -> None:
    text = write_csv(tmp_path / "bill.csv", VALID).read_text(encoding="utf-8")
    zipped = tmp_path / "bill.csv.gz"
    zipped.write_bytes(gzip.compress(text.encode()))
    marked = tmp_path / "bom.csv"
    marked.write_text("\ufeff" + text, encoding="utf-8")
    assert failing(zipped) == {}
    assert failing(marked) == {}
    with (tmp_path / "semi.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=";").writerows([list(VALID), list(VALID.values())])
    assert failing(tmp_path / "semi.csv") == {}


def test_null_without_quotes_is_a_null_as_in_the_official_sample(tmp_path: Path) -> None:
    def written(name: str, null: str) -> Path:
        lines = [",".join(VALID)]
        for row in (VALID, VALID | {"BilledCost": "NaN"}):
            texts = ('"' + text.replace('"', '""') + '"' if text else null for text in row.values())
            lines.append(",".join(texts))
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / name

    empty = failing(written("empty.csv", ""))
    assert empty
    assert failing(written("null.csv", "NULL")) == empty
    assert failing(written("postgres.csv", "\\N")) == empty
    # other words are nulls in a file that has them where no value can be so
    assert failing(written("python.csv", "None")) == empty
    result = run_validate(str(tmp_path / "python.csv"), "--focus-version", "1.0")
    assert result.stdout.count("Nulls are written as None, and were read as such") == 1
    assert validate.check_file(tmp_path / "null.csv", "CostAndUsage", "1.0").nulls == ["NULL"]
    assert validate.check_file(tmp_path / "empty.csv", "CostAndUsage", "1.0").nulls == []
    named = write_csv(tmp_path / "named.csv", {**VALID, "BillingAccountName": "null"})
    assert validate.check_file(named, "CostAndUsage", "1.0").nulls == []
    assert failing(named) == {}
    # in quotes it is a text, which ChargeClass does not allow
    assert "CostAndUsage.ChargeClass.allowed" in failing(written("quoted.csv", '"NULL"'))


def test_a_name_that_is_a_pattern_is_one_file(tmp_path: Path) -> None:
    folder = tmp_path / "BilledCost=7"
    folder.mkdir()
    write_csv(folder / "bill1.csv", VALID)
    assert failing(write_csv(folder / "bill[1].csv", {**VALID, "BilledCost": "x"}))
    assert failing(write_csv(folder / "bill2.csv", VALID)) == {}


def test_failures_name_the_row_and_the_value(tmp_path: Path) -> None:
    wrong = {**VALID, "ListCost": "1.6", "BillingCurrency": "US$", "ChargePeriodEnd": "tomorrow"}
    found = failing(write_csv(tmp_path / "bill.csv", VALID, wrong, wrong))
    assert found["CostAndUsage.ListCost.product"].failing_rows == 2
    assert found["CostAndUsage.ListCost.product"].example.startswith("row 2: ListCost=1.6")
    assert found["CostAndUsage.BillingCurrency.format"].example == "row 2: BillingCurrency=US$"
    assert "CostAndUsage.ChargePeriodEnd.type" in found


def test_a_missing_mandatory_and_a_foreign_column_fail(tmp_path: Path) -> None:
    rest = {name: value for name, value in VALID.items() if name != "BilledCost"}
    found = failing(write_csv(tmp_path / "bill.csv", {**rest, "billedcost": "1", "x_Own": "1"}))
    assert found.keys() == {"CostAndUsage.BilledCost.presence", "CostAndUsage.columns.unknown"}


def test_parquet_is_judged_by_its_types(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "bill.csv", VALID)
    target = tmp_path / "bill.parquet"
    duckdb.sql(
        f"copy (select * replace (cast(BilledCost as varchar) as BilledCost, "
        f"cast(BillingAccountId as bigint) as BillingAccountId) from '{source}') "
        f"to '{target}'"
    )
    found = failing(target)
    assert found["CostAndUsage.BilledCost.type"].example == "the column has type VARCHAR"
    assert "CostAndUsage.BillingAccountId.type" in found


def test_a_small_wrong_cost_is_seen_where_the_columns_are_decimals(tmp_path: Path) -> None:
    target = tmp_path / "ours.parquet"
    source = write_csv(tmp_path / "bill.csv", VALID)
    duckdb.sql(
        "copy (select * replace ("
        "cast(ListCost as decimal(38,18)) + 0.000000000000000001 as ListCost, "
        "cast(ContractedCost as decimal(38,18)) as ContractedCost, "
        "cast(ListUnitPrice as decimal(20,12)) as ListUnitPrice, "
        "cast(ContractedUnitPrice as decimal(20,12)) as ContractedUnitPrice, "
        "cast(PricingQuantity as decimal(18,6)) as PricingQuantity) "
        f"from read_csv('{source}', types = {{'BillingAccountId': 'varchar'}})) to '{target}'"
    )
    found = failing(target)
    assert "CostAndUsage.ListCost.product" in found
    assert "CostAndUsage.ContractedCost.product" not in found


def test_exit_codes_and_json(tmp_path: Path) -> None:
    good = write_csv(tmp_path / "good.csv", VALID)
    bad = write_csv(tmp_path / "bad.csv", {**VALID, "ChargeCategory": "Other"})
    assert run_validate(str(good), "--focus-version", "1.0").exit_code == 0
    result = run_validate(str(bad), "--focus-version", "1.0", "--format", "json")
    assert result.exit_code == 1
    content = json.loads(result.stdout)
    assert content["passed"] is False
    assert "CostAndUsage.ChargeCategory.allowed" in {f["rule_id"] for f in content["failures"]}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b'{"records": []}', "holds JSON"),
        (b"\x00\x01\x02\x03", "neither CSV nor Parquet"),
        (b"PAR1 but cut off", "can't be read as parquet"),
        (b"a,b\n1,2\n1,2,3,4\n", r"CSV \(.*Line: 3: Expected Number of Columns: 2.*\): mend"),
        (b"a,b\n1,2\n1\n", "Line: 3: .* Found: 1"),
        # a guess would skip the first two lines
        (b"BilledCost,Tags\n1\n2\n3,x\n4,y\n5,z\n", "Line: 2: .* Found: 1"),
        (b'a,b\n1,2\n"1,2\n', "unterminated quote"),
        (b"a,b\n1,\xff\n", "not utf-8"),
        (b"\nBilledCost\n1\n", "begins with an empty line"),
        (b"BilledCost,BilledCost\n1,1\n", "'BilledCost' twice"),
        (b"a,b\n1,2\n", r"no column of CostAndUsage in FOCUS 1\.4"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_sentence(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=sentence) as error:
        validate.check_file(path, "CostAndUsage", "1.4")
    assert "\n" not in str(error.value)


def test_a_pipe_and_a_folder_are_told_apart_from_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="is no regular file"):
        validate.check_file(tmp_path / "pipe", "CostAndUsage", "1.4")
    with pytest.raises(UserError, match="is a folder"):
        validate.check_file(tmp_path, "CostAndUsage", "1.4")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read(tmp_path: Path, line_end: str) -> None:
    path = write_csv(tmp_path / "bill.csv", VALID, VALID)
    path.write_bytes(path.read_bytes().replace(b"\r\n", line_end.encode()))
    report = validate.check_file(path, "CostAndUsage", "1.0")
    assert (report.passed, report.rows) == (True, 2)


def test_names_of_the_file_do_not_clash_with_internal_ones(tmp_path: Path) -> None:
    odd = {**VALID, "_row": "x", "rowid": "y", "file_row_number": "z", "billedcost": "1"}
    path = write_csv(tmp_path / "bill.csv", odd, {**odd, "BillingCurrency": "US$"})
    target = tmp_path / "bill.parquet"
    duckdb.sql(
        f"copy (select * exclude billedcost_1 from read_csv('{path}', all_varchar = true)) "
        f"to '{target}'"
    )
    for file in (path, target):
        found = failing(file)
        assert found["CostAndUsage.BillingCurrency.format"].example == "row 2: BillingCurrency=US$"
        assert "CostAndUsage.columns.unknown" in found


@pytest.mark.parametrize("column", [c["name"] for c in rules.focus_columns("CostAndUsage", "1.4")])
def test_one_focus_column_is_enough_for_a_report(tmp_path: Path, column: str) -> None:
    report = validate.check_file(
        write_csv(tmp_path / "x.csv", {column: "1"}), "CostAndUsage", "1.4"
    )
    assert not report.passed


def test_a_version_may_have_a_leading_v(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "bill.csv", VALID)
    assert run_validate(str(path), "--focus-version", "v1.0").exit_code == 0


def write_manifest(file: Path, **content: str) -> None:
    beside = file.with_name(f"{file.name}.manifest.json")
    beside.write_text(json.dumps({"file": file.name, **content}), encoding="utf-8")


def test_version_and_dataset_are_those_of_the_manifest_and_what_is_given_goes_before(
    tmp_path: Path,
) -> None:
    path = write_csv(tmp_path / "bill.csv", VALID)
    write_manifest(path, dataset="cost-and-usage", focus_version="1.0")
    found = run_validate(str(path))
    assert found.exit_code == 0
    told = "--dataset cost-and-usage and --focus-version 1.0: as bill.csv.manifest.json says.\n"
    assert found.stderr == told
    assert "FOCUS 1.0 CostAndUsage, 1 rows" in found.stdout
    found = run_validate(str(path), "--focus-version", "v1.2", "--dataset", "cost-and-usage")
    assert "FOCUS 1.2 CostAndUsage" in found.stdout
    told = "--focus-version 1.2 is taken, although bill.csv.manifest.json says 1.0.\n"
    assert found.stderr == told
    assert run_validate(str(path), "--focus-version", "1.0", "--format", "json").exit_code == 0


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"file": "other.csv"}', '{"dataset": 1}'])
def test_what_is_no_manifest_of_the_file_says_nothing(tmp_path: Path, content: str) -> None:
    path = write_csv(tmp_path / "bill.csv", VALID)
    (tmp_path / "bill.csv.manifest.json").write_text(content, encoding="utf-8")
    found = run_validate(str(path))
    assert found.stderr == ""
    assert "FOCUS 1.4 CostAndUsage" in found.stdout


def test_the_flat_layout_is_said_to_be_no_focus_file(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ai_calls.csv", {"BilledCost": "1", "UsageUnit": "tokens"})
    write_manifest(path, dataset="ai-calls", focus_version="1.1")
    found = run_validate(str(path), "--focus-version", "1.1")
    assert isinstance(found.exception, UserError)
    assert str(found.exception) == (
        f"{path} is an extract of ai-calls, a flat layout and no FOCUS file, so there are no rules "
        "for it: validate one of cost-and-usage."
    )


def test_an_unknown_version_is_told_with_the_known_ones(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "bill.csv", VALID)
    with pytest.raises(UserError, match=r"use one of 1\.4, 1\.3"):
        validate.check_file(path, "ContractCommitment", "1.0")
