"""The MCP server: hands tools, resources and prompts to the official SDK, over stdio and HTTP."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import anyio
import mcp_types as types
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from exporter.api.jobs.orders import Jobs
from exporter.api.jobs.schema import make_job_tools
from exporter.api.mcp.tools import (
    INSTRUCTIONS,
    Asked,
    Prompt,
    Resource,
    Tool,
    make_prompts,
    make_resources,
    make_tools,
    read_arguments,
)
from exporter.api.principal import LOCAL, Caller
from exporter.api.problems import (
    RequestError,
    describe_problem,
    problem_handlers,
    read_failure,
    respond_problem,
)
from exporter.api.routes import downloads
from exporter.api.service import Service
from exporter.api.transfer import Transfer
from exporter.api.turns import in_thread
from exporter.project import tool_version

PATHS = ("/mcp", "/")
_PLACE = f"There is nothing at this path; the MCP server is at {' and '.join(PATHS)}."
_NOTHING_HERE = {"not-found": _PLACE, "method-not-allowed": _PLACE}
# where everybody may ask: at / is the server itself
OPEN_PATHS = frozenset({"/healthz"})
_LARGEST_BODY = 262_144
_JSON = "application/json"
_log = logging.getLogger("focus_export.api")
_Context = ServerRequestContext[Any, Any]
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Offer:
    """Everything that a client of the MCP server finds."""

    tools: Sequence[Tool]
    resources: Sequence[Resource]
    prompts: Sequence[Prompt]


def make_offer(service: Service, jobs: Jobs) -> Offer:
    """Make everything that a service and its jobs have to offer."""
    tools = [*make_tools(service), *make_job_tools(jobs)]
    return Offer(tools, make_resources(service), make_prompts())


def make_server(offer: Offer, is_local: bool) -> Server[Any]:
    """Make the server; `is_local` (stdio) trusts the process's own user, HTTP asks for a token."""
    tools = {tool.name: tool for tool in offer.tools}
    resources = {resource.uri: resource for resource in offer.resources}
    prompts = {prompt.name: prompt for prompt in offer.prompts}

    async def run(context: _Context, function: Callable[..., _Result], *arguments: Any) -> _Result:
        receive = None if is_local else _request_of(context).receive
        return await in_thread(receive, function, *arguments)

    def caller_of(context: _Context) -> Caller:
        if is_local:
            return LOCAL
        # set by the gate, which lets nobody in without
        caller: Caller = _request_of(context).state.caller
        return caller

    async def list_tools(_context: _Context, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_describe_tool(tool) for tool in offer.tools])

    async def call_tool(
        context: _Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = tools.get(params.name)
        if tool is None:
            raise _refuse(f"There is no tool {params.name[:64]!r}: choose from {', '.join(tools)}.")
        base_url = None if is_local else _request_of(context).state.base_url
        try:
            arguments = read_arguments(tool.input_schema, params.arguments or {})
            text = await run(context, tool.call, Asked(caller_of(context), arguments, base_url))
        except Exception as error:
            if problem := read_failure(error):
                return _fail(problem)
            _log.exception("the tool %s failed", tool.name)
            return _fail(RequestError("internal-error", "The call failed; the log says more."))
        return types.CallToolResult(
            content=[types.TextContent(text=text)], structured_content=json.loads(text)
        )

    async def list_resources(_context: _Context, _params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=resource.uri,
                    name=resource.uri.partition("://")[2],
                    title=resource.title,
                    description=resource.description,
                    mime_type=_JSON,
                )
                for resource in offer.resources
            ]
        )

    async def read_resource(
        context: _Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        resource = resources.get(params.uri)
        if resource is None:
            raise _refuse(f"There is no resource {params.uri[:128]!r}.")
        try:
            text = await run(context, resource.read, caller_of(context))
        except RequestError as error:
            raise _refuse(error.detail) from None
        return types.ReadResourceResult(
            contents=[types.TextResourceContents(uri=resource.uri, mime_type=_JSON, text=text)]
        )

    async def list_prompts(_context: _Context, _params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[_describe_prompt(it) for it in offer.prompts])

    async def get_prompt(
        _context: _Context, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        prompt = prompts.get(params.name)
        if prompt is None:
            raise _refuse(f"There is no prompt {params.name[:64]!r}: choose from {_join(prompts)}.")
        given = params.arguments or {}
        known = [name for name, _, _ in prompt.arguments]
        for name in given:
            if name not in known:
                raise _refuse(f"{name[:64]} is no argument here; there are: {_join(known)}.")
        try:
            text = prompt.write(given)
        except RequestError as error:
            raise _refuse(error.detail) from None
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])

    return Server(
        "ai-focus",
        version=tool_version(),
        title="ai-focus",
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda name: tools[name].input_schema if name in tools else None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
    )


def serve_stdio(offer: Offer) -> None:
    """Serve the process that started this one, until it closes standard input."""
    server = make_server(offer, is_local=True)

    async def serve() -> None:
        async with stdio_server() as (reader, writer):
            await server.run(reader, writer, server.create_initialization_options())

    anyio.run(serve)


def make_app(offer: Offer, jobs: Jobs) -> Starlette:
    """Make the application of streamable HTTP at /mcp and /; it belongs behind a Gate.

    Every request is answered by itself, with JSON: no session outlives the token it came with.
    """
    manager = StreamableHTTPSessionManager(
        app=make_server(offer, is_local=False),
        json_response=True,
        stateless=True,
        max_request_body_size=_LARGEST_BODY,
    )

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    return Starlette(
        routes=[
            *(Route(path, _Endpoint(manager)) for path in PATHS),
            Route("/healthz", _is_alive),
            Route(downloads.PATH, downloads.make_download(jobs)),
        ],
        lifespan=lifespan,
        exception_handlers=problem_handlers(_NOTHING_HERE),
        middleware=[Middleware(Transfer)],
    )


class _Endpoint:
    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        origin = request.headers.get("origin")
        if origin is not None and not _is_of(origin, request.headers.get("host")):
            raise RequestError("forbidden", "Web pages of another origin may not ask.")
        if request.method != "POST":
            # without sessions there is neither a stream to listen to nor a session to end
            error = RequestError("method-not-allowed", f"{request.method[:16]}: send a POST.")
            await respond_problem(error, {"Allow": "POST"})(scope, receive, send)
            return
        await self._manager.handle_request(scope, receive, send)


def _is_of(origin: str, host: str | None) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:
        # such as http://[
        return False


async def _is_alive(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _request_of(context: _Context) -> Request:
    if not isinstance(context.request, Request):
        raise TypeError("a message over HTTP came without its request")
    return context.request


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


def _join(names: Any) -> str:
    return ", ".join(names) or "none"
