"""`focus-export schema`: the FOCUS metadata of what is delivered."""

from __future__ import annotations

from typing import Any

import click

from exporter.home import Home, home_option
from exporter.options import GRAINS

_EXAMPLES = """\b
Examples:
  focus-export schema
  focus-export schema --focus-version 1.2 --format table
"""


@click.command(
    name="schema", short_help="Show the FOCUS metadata of the datasets.", epilog=_EXAMPLES
)
@home_option
@click.option(
    "--focus-version",
    default="1.4",
    show_default=True,
    metavar="VERSION",
    help="FOCUS version: 1.4, 1.3, 1.2, 1.1 or 1.0.",
)
@click.option(
    "--dataset",
    metavar="NAME",
    help="Only this dataset: cost-and-usage or contract-commitment  [default: all]",
)
@click.option(
    "--grain",
    type=click.Choice(GRAINS),
    help="Only this grain  [default: all; before FOCUS 1.3, which knows one schema: call]",
)
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["json", "table"]),
    default="json",
    show_default=True,
    help="The metadata object, or a list of columns to read.",
)
def command(
    home: Home, focus_version: str, dataset: str | None, grain: str | None, fmt: str
) -> None:
    """Show the FOCUS metadata: data generator, dataset instances, schemas, recency.

    It needs no build; with one, FOCUS 1.3 and later also say how recent the data are.
    """
    import json

    from exporter.extract.metadata import describe
    from exporter.project import load_project

    metadata = describe(
        load_project(), focus_version, dataset, grain, home if fmt == "json" else None
    )
    if fmt == "json":
        click.echo(json.dumps(metadata, indent=2, ensure_ascii=False))
        return
    schemas = metadata["Schema"]
    names = {
        instance["DatasetInstanceId"]: instance["DatasetInstanceName"]
        for instance in metadata.get("DatasetInstance", [])
    }
    for schema in schemas if isinstance(schemas, list) else [schemas]:
        name = names.get(schema.get("DatasetInstanceId"), dataset or "cost-and-usage")
        click.echo(f"{name}, FOCUS {schema['FocusVersion']}, schema {schema['SchemaId']}")
        for column in schema["ColumnDefinition"]:
            click.echo(f"  {column['ColumnName']:<44} {_describe_type(column)}")
        click.echo()


def _describe_type(column: dict[str, Any]) -> str:
    text = str(column["DataType"])
    if "NumericPrecision" in column:
        text += f"({column['NumericPrecision']}, {column['NumberScale']})"
    return text + (", deprecated" if column.get("Deprecated") else "")
