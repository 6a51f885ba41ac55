"""Reads JSON arguments by the schema that describes them: those of tools, and orders over REST."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from exporter.api.parameters import write_names
from exporter.api.problems import Fault, RequestError


def input_schema(
    parameters: list[dict[str, Any]], required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Lay out parameters, as OpenAPI describes them, as the JSON schema of arguments."""
    properties = {}
    for parameter in parameters:
        described = {**parameter["schema"], "description": parameter["description"]}
        if "example" in parameter:
            described["examples"] = [parameter["example"]]
        properties[parameter["name"]] = described
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def read_arguments(
    schema: Mapping[str, Any], given: Mapping[str, Any], *, by_model: bool = False
) -> dict[str, str]:
    """Check arguments against their schema; gives them as the service takes them, as text.

    Raises a RequestError that names each argument at fault. `by_model` takes them as language
    models write them: null counts as not given, and a number, a truth value or a list may be text
    that can mean only that.
    """
    properties = schema["properties"]
    faults = []
    read = {}
    for name, value in given.items():
        if name not in properties:
            named = ", ".join(properties) or "none"
            faults.append(Fault(name[:64], f"is no parameter here; there are: {named}"))
            continue
        wanted = properties[name]
        kind = wanted.get("type", "string")
        if (value == [] and kind == "array") or (value is None and by_model):
            continue
        try:
            read[name] = _READERS[kind](value, wanted, by_model)
        except ValueError as error:
            faults.append(Fault(name, str(error)))
    faults += [Fault(name, "is missing") for name in schema["required"] if given.get(name) is None]
    if faults:
        detail = "; ".join(f"{fault.parameter} {fault.detail}" for fault in faults[:5])
        raise RequestError("invalid-parameter", f"{detail}.", tuple(faults[:20]))
    return read


def _read_text(value: Any, _wanted: Mapping[str, Any], _by_model: bool) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _read_number(value: Any, wanted: Mapping[str, Any], by_model: bool) -> str:
    if by_model and isinstance(value, str) and re.fullmatch(r"\d{1,9}", value, re.ASCII):
        value = int(value)
    # JSON has one kind of number
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    least, most = wanted["minimum"], wanted["maximum"]
    if isinstance(value, bool) or not is_whole or not least <= value <= most:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return str(int(value))


def _read_flag(value: Any, _wanted: Mapping[str, Any], by_model: bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not by_model or value not in ("false", "true"):
        raise ValueError("must be true or false")
    return str(value)


def _read_names(value: Any, _wanted: Mapping[str, Any], by_model: bool) -> str:
    if by_model and isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(it, str) for it in value):
        raise ValueError("must be a list of texts")
    return write_names(value)


_READERS = {
    "string": _read_text,
    "integer": _read_number,
    "boolean": _read_flag,
    "array": _read_names,
}
