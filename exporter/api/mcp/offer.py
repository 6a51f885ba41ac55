"""What a client of the MCP server can find, without MCP: text and JSON schemas alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.api.principal import Caller


@dataclass(frozen=True)
class Asked:
    """A call of a tool: by whom, with which checked arguments, and where this server is reached."""

    caller: Caller
    arguments: Mapping[str, str]
    base_url: str | None = None


@dataclass(frozen=True)
class Tool:
    """A tool: what it takes, what it gives (JSON text) and the hints about what it does."""

    name: str
    title: str
    description: str
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    call: Callable[[Asked], str]
    is_read_only: bool = True
    is_idempotent: bool = True


@dataclass(frozen=True)
class Resource:
    """A JSON document that can be read."""

    uri: str
    title: str
    description: str
    read: Callable[[Caller], str]


@dataclass(frozen=True)
class Template:
    """How the addresses of some resources are made (RFC 6570)."""

    uri: str
    title: str
    description: str


@dataclass(frozen=True)
class Prompt:
    """A ready question; `arguments` are name, description and whether it is required."""

    name: str
    title: str
    description: str
    arguments: tuple[tuple[str, str, bool], ...]
    write: Callable[[Mapping[str, str]], str]


@dataclass(frozen=True)
class Offer:
    """Everything that a client finds."""

    tools: Sequence[Tool]
    resources: Sequence[Resource]
    templates: Sequence[Template]
    prompts: Sequence[Prompt]
