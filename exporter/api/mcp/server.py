"""The MCP server: hands what is on offer to the official SDK, over stdio and HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from starlette.requests import Request

from exporter.api.arguments import read_arguments
from exporter.api.jobs.orders import Jobs
from exporter.api.mcp.offer import Asked, Offer, Prompt, Tool
from exporter.api.mcp.prompts import PROMPTS
from exporter.api.mcp.resources import TEMPLATES, make_resources
from exporter.api.mcp.tools import make_tools
from exporter.api.principal import LOCAL, Caller
from exporter.api.problems import RequestError, describe_problem, read_failure
from exporter.api.service import Service
from exporter.api.turns import in_thread
from exporter.project import tool_version

INSTRUCTIONS = """\
FOCUS datasets of AI usage: what each call of a model cost, by whom, under which contract.

For sums, and for what cost most, call summarizecostandusage: its `totals` cover all rows that fit
the filters, and its groups are parts of them; all are exact decimal text per billing currency.
Never add amounts of different currencies. `byChargeCategory` keeps credits (negative) apart from
usage, purchases and taxes. `coverage` tells how many calls have a price; say so when it is not all
of them. For single charges call listcostandusage, with `compact` true to leave out empty columns. A
page with `truncated` true has more rows behind `nextPageToken`; for many rows order a file with
exportcostandusage. Column names and their meaning are in the focus://columns resources.
"""
_JSON = "application/json"
_log = logging.getLogger("focus_export.api")
_Context = ServerRequestContext[Any, Any]
_Result = TypeVar("_Result")


def make_offer(service: Service, jobs: Jobs) -> Offer:
    """Make everything that a service and its jobs have to offer."""
    return Offer(make_tools(service, jobs), make_resources(service), TEMPLATES, PROMPTS)


def make_server(offer: Offer, is_local: bool) -> Server[Any]:
    """Make the server; `is_local` (stdio) trusts the process's own user, HTTP asks for a token."""
    answers = _Answers(offer, is_local)
    return Server(
        "ai-focus",
        version=tool_version(),
        title="ai-focus",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=answers.find_input_schema,
        on_list_tools=answers.list_tools,
        on_call_tool=answers.call_tool,
        on_list_resources=answers.list_resources,
        on_list_resource_templates=answers.list_templates,
        on_read_resource=answers.read_resource,
        on_list_prompts=answers.list_prompts,
        on_get_prompt=answers.get_prompt,
    )


def serve_stdio(offer: Offer) -> None:
    """Serve the process that started this one, until it closes standard input."""
    server = make_server(offer, is_local=True)

    async def serve() -> None:
        async with stdio_server() as (reader, writer):
            await server.run(reader, writer, server.create_initialization_options())

    anyio.run(serve)


class _Answers:
    """Answers each method of the protocol from the offer."""

    def __init__(self, offer: Offer, is_local: bool) -> None:
        self._tools = {tool.name: tool for tool in offer.tools}
        self._resources = {resource.uri: resource for resource in offer.resources}
        self._templates = offer.templates
        self._prompts = {prompt.name: prompt for prompt in offer.prompts}
        self._is_local = is_local

    async def _run(
        self, context: _Context, function: Callable[..., _Result], argument: Any
    ) -> _Result:
        receive = None if self._is_local else _request_of(context).receive
        return await in_thread(receive, function, argument)

    def _asker(self, context: _Context) -> tuple[Caller, str | None]:
        """Tell who asks, and at which address."""
        if self._is_local:
            return LOCAL, None
        # both were set by the gate, which lets nobody in without a caller
        state = _request_of(context).state
        return state.caller, state.base_url

    def find_input_schema(self, name: str) -> dict[str, Any] | None:
        return self._tools[name].input_schema if name in self._tools else None

    async def list_tools(self, _context: _Context, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_describe_tool(it) for it in self._tools.values()])

    async def call_tool(
        self, context: _Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = _find(self._tools, params.name, "tool")
        caller, base_url = self._asker(context)
        try:
            arguments = read_arguments(tool.input_schema, params.arguments or {}, by_model=True)
            text = await self._run(context, tool.call, Asked(caller, arguments, base_url))
        except Exception as error:
            if problem := read_failure(error):
                return _fail(problem)
            _log.exception("the tool %s failed", tool.name)
            return _fail(RequestError("internal-error", "The call failed; the log says more."))
        return types.CallToolResult(
            content=[types.TextContent(text=text)], structured_content=json.loads(text)
        )

    async def list_resources(self, _context: _Context, _params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=it.uri,
                    name=it.uri.partition("://")[2],
                    title=it.title,
                    description=it.description,
                    mime_type=_JSON,
                )
                for it in self._resources.values()
            ]
        )

    async def list_templates(
        self, _context: _Context, _params: Any
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    uri_template=it.uri,
                    name=it.uri.partition("://")[2].partition("/")[0],
                    title=it.title,
                    description=it.description,
                    mime_type=_JSON,
                )
                for it in self._templates
            ]
        )

    async def read_resource(
        self, context: _Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        resource = _find(self._resources, params.uri, "resource")
        try:
            text = await self._run(context, resource.read, self._asker(context)[0])
        except RequestError as error:
            raise _refuse(error.detail) from None
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=resource.uri, mime_type=_JSON, text=text)]
        )

    async def list_prompts(self, _context: _Context, _params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[_describe_prompt(it) for it in self._prompts.values()]
        )

    async def get_prompt(
        self, _context: _Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        prompt = _find(self._prompts, params.name, "prompt")
        given = params.arguments or {}
        known = [name for name, _, _ in prompt.arguments]
        for name in given:
            if name not in known:
                raise _refuse(f"{name[:64]} is no argument here; there are: {', '.join(known)}.")
        try:
            text = prompt.write(given)
        except RequestError as error:
            raise _refuse(error.detail) from None
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])


def _request_of(context: _Context) -> Request:
    if not isinstance(context.request, Request):
        raise TypeError("a message over HTTP came without its request")
    return context.request


def _find(offered: dict[str, _Result], name: str, kind: str) -> _Result:
    if name not in offered:
        raise _refuse(f"There is no {kind} {name[:128]!r}: choose from {', '.join(offered)}.")
    return offered[name]


def _describe_tool(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.is_read_only,
            idempotent_hint=tool.is_idempotent,
            destructive_hint=False,
            open_world_hint=False,
        ),
    )


def _describe_prompt(prompt: Prompt) -> types.Prompt:
    return types.Prompt(
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        arguments=[
            types.PromptArgument(name=name, description=description, required=is_required)
            for name, description, is_required in prompt.arguments
        ],
    )


def _fail(error: RequestError) -> types.CallToolResult:
    document = describe_problem(error)
    if error.retry_after is not None:
        document["retryAfter"] = error.retry_after
    text = json.dumps(document, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def _refuse(message: str) -> MCPError:
    return MCPError(types.INVALID_PARAMS, message)
