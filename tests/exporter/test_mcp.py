"""The MCP server, asked by the official client: its tools are those of REST, with their rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from api_client import bearer, copy_home, free_port, serve, write_tokens
from conftest import ROOT, assert_one_sentence, environment, focus_export

httpx2 = pytest.importorskip("httpx2")
mcp = pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters  # noqa: E402
from mcp.client.streamable_http import streamable_http_client  # noqa: E402

FILTERS = {
    *("billingPeriod", "billingPeriodStart", "billingPeriodEnd", "chargeCategory", "providerName"),
    *("serviceName", "serviceCategory", "region", "resourceId", "subAccountId", "billingCurrency"),
}
PAGING = {"focusVersion", "pageSize", "pageToken", "compact"}
# name -> (parameters, read-only, idempotent)
TOOLS = {
    "listcostandusage": ({*FILTERS, *PAGING}, True, True),
    "exportcostandusage": (
        {*FILTERS, "focusVersion", "format", "dataset", "grain"}
        | {"commitmentDiscountId", "billingAccountId"},
        False,
        False,
    ),
    "getcostandusageexportstatus": ({"jobId"}, True, True),
    "listcontractcommitments": (
        {"commitmentDiscountId", "billingAccountId", *PAGING},
        True,
        True,
    ),
    "getschemametadata": ({"focusVersion", "dataset"}, True, True),
    "summarizecostandusage": (
        {*FILTERS, "chargePeriodStart", "chargePeriodEnd", "modelId", "focusVersion"}
        | {"groupBy", "limit"},
        True,
        True,
    ),
}
# of the five tools of the FOCUS capability: its parameters, their types, and which must be given
CAPABILITY: dict[str, dict[str, str]] = {
    "listcostandusage": {**dict.fromkeys(FILTERS, "string"), "pageSize": "integer"}
    | {"pageToken": "string"},
    "exportcostandusage": {},
    "getcostandusageexportstatus": {"jobId": "string"},
    "listcontractcommitments": {"commitmentDiscountId": "string", "billingAccountId": "string"}
    | {"pageSize": "integer", "pageToken": "string"},
    "getschemametadata": {},
}
GROUPINGS = [
    *(
        ["day"],
        ["month"],
        ["billingPeriod"],
        ["subAccountId"],
        ["providerName"],
        ["modelId"],
        ["serviceName"],
    ),
    *(["tag:x-cost-feature"], ['tag:a,"b"', "month"]),
]
TOKENS: dict[str, dict[str, Any]] = {
    "acme": {"billing_accounts": ["org-acme"]},
    "globex": {"billing_accounts": ["org-globex"]},
    "commitments": {"datasets": ["contract-commitment"]},
}


@pytest.fixture
def home(demo_home: Path, tmp_path: Path) -> Path:
    """A home of a test's own, with the demo's build."""
    return copy_home(demo_home, tmp_path / "home").path


@contextlib.asynccontextmanager
async def over_stdio(home: Path) -> AsyncIterator[Client]:
    """Start the server as a desktop client does."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "exporter.cli", "mcp", "--home", str(home)],
        env=environment(),
        cwd=ROOT,
    )
    async with Client(parameters) as client:
        yield client


@contextlib.asynccontextmanager
async def over_http(url: str, name: str | None = None, mode: str = "auto") -> AsyncIterator[Client]:
    """Ask a running server, with the token of a name."""
    headers = bearer(name) if name else {}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


def ask(opened: Any, questions: Callable[[Client], Awaitable[None]]) -> None:
    async def run() -> None:
        async with opened as client:
            await questions(client)

    asyncio.run(run())


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; the client checks the result against the tool's output schema."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert json.loads(result.content[0].text) == result.structured_content
    return dict(result.structured_content)


async def fail(client: Client, tool: str, **arguments: Any) -> tuple[str, list[str]]:
    """Call a tool that refuses; gives the kind of problem and the parameters at fault."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error and result.structured_content is None
    problem = json.loads(result.content[0].text)
    named = [fault["parameter"] for fault in problem.get("errors", [])]
    assert all(name in problem["detail"] for name in named)
    return problem["type"].rpartition(":")[2], named


async def await_file(client: Client, job_id: str) -> dict[str, Any]:
    for _ in range(1200):
        job = await call(client, "getcostandusageexportstatus", jobId=job_id)
        if job["state"] not in ("queued", "running"):
            assert job["state"] == "succeeded", job
            return job
        await asyncio.sleep(0.1)
    raise AssertionError(job)


async def call_every_tool(client: Client) -> dict[str, Any]:
    """Call each tool once; gives the order for a file."""
    listed = await client.list_tools()
    assert {tool.name for tool in listed.tools} == TOOLS.keys()
    for tool in listed.tools:
        parameters, is_read_only, is_idempotent = TOOLS[tool.name]
        assert tool.input_schema["properties"].keys() == parameters
        hints = tool.annotations
        assert hints is not None
        assert (hints.read_only_hint, hints.idempotent_hint) == (is_read_only, is_idempotent)
        assert (hints.destructive_hint, hints.open_world_hint) == (False, False)
        assert tool.output_schema is not None and tool.description
        described = tool.input_schema["properties"].values()
        assert all(parameter["description"] for parameter in described)
    for name, types in CAPABILITY.items():
        [schema] = [tool.input_schema for tool in listed.tools if tool.name == name]
        found = {it: schema["properties"][it] for it in types}
        # moments are text in one of two formats
        assert {it: one.get("type", "string") for it, one in found.items()} == types
        assert schema["required"] == (["jobId"] if "jobId" in types else [])
    page = await call(client, "listcostandusage", pageSize=3)
    assert len(page["records"]) == 3 and page["truncated"] and page["nextPageToken"]
    commitments = await call(client, "listcontractcommitments")
    assert commitments["records"] and commitments["coverage"] is None
    assert not commitments["truncated"] and commitments["nextPageToken"] is None
    schema = await call(client, "getschemametadata", focusVersion="1.4")
    assert {entry["FocusVersion"] for entry in schema["Schema"]} == {"1.4"}
    job = await call(client, "exportcostandusage", format="jsonl", chargeCategory="Usage")
    assert job["state"] == "queued"
    return await await_file(client, job["jobId"])


def extract(home: Path, *options: str) -> bytes:
    expected = home / "expected"
    result = focus_export("export", "--home", home, *options, "--output", expected)
    assert result.returncode == 0, result.stderr
    return expected.read_bytes()


def test_a_desktop_client_finds_every_tool(home: Path) -> None:
    files = []

    async def questions(client: Client) -> None:
        files.append(Path((await call_every_tool(client))["file"]["url"].removeprefix("file://")))

    ask(over_stdio(home), questions)
    options = ("--focus-version", "1.3", "--format", "jsonl", "--filter", "ChargeCategory=Usage")
    assert files[0].read_bytes() == extract(home, *options)


@pytest.fixture
def url(home: Path) -> Iterator[str]:
    """Run REST and MCP together, with tokens; gives the address of MCP."""
    port = free_port()
    tokens = write_tokens(home / "tokens.json", {**TOKENS, "all": {}})
    with serve(home, "--mcp", "--mcp-port", str(port), "--tokens", tokens, "--rate", "0"):
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_over_http_every_tool_answers(home: Path, url: str, mode: str) -> None:
    jobs = []

    async def questions(client: Client) -> None:
        jobs.append(await call_every_tool(client))

    ask(over_http(url, "all", mode), questions)
    link = jobs[0]["file"]["url"]
    assert link.startswith(url.removesuffix("mcp") + "downloads/")
    options = ("--focus-version", "1.3", "--format", "jsonl", "--filter", "ChargeCategory=Usage")
    assert httpx.get(link).content == extract(home, *options)


def test_pages_put_together_are_the_extract(home: Path) -> None:
    lines: list[str] = []

    async def questions(client: Client) -> None:
        arguments: dict[str, Any] = {"subAccountId": "Marketing", "pageSize": 250}
        while True:
            result = await client.call_tool("listcostandusage", arguments)
            page = result.structured_content
            assert page["truncated"] == (page["nextPageToken"] is not None)
            assert len(page["records"]) <= 250
            # the text has every digit
            text = result.content[0].text
            start = text.index('"records": [') + len('"records": [')
            lines.append(text[start:-2])
            if not page["truncated"]:
                break
            arguments = {"pageToken": page["nextPageToken"]}
        assert page["totals"]["exact"] is True
        usage = page["totals"]["currencies"][0]["byChargeCategory"]
        assert [part["chargeCategory"] for part in usage] == ["Usage"]

    ask(over_stdio(home), questions)
    options = ("--focus-version", "1.3", "--format", "jsonl", "--filter", "SubAccountId=Marketing")
    expected = extract(home, *options).decode().splitlines()
    assert len(lines) > 2
    assert ",".join(lines) == ",".join(expected)


def test_a_page_is_small_unless_more_is_asked_for(home: Path) -> None:
    async def questions(client: Client) -> None:
        page = await call(client, "listcostandusage")
        assert len(page["records"]) == page["pageSize"] == 20
        assert await fail(client, "listcostandusage", pageSize=1001) == (
            "invalid-parameter",
            ["pageSize"],
        )

    ask(over_stdio(home), questions)


def test_rest_and_mcp_tell_the_same(home: Path) -> None:
    port = free_port()
    pages: list[dict[str, Any]] = []
    with serve(home, "--mcp", "--mcp-port", str(port)) as server:
        for parameters in ({"providerName": "OpenAI"}, {"billingPeriodStart": "2026-10-01"}):
            rest = httpx.get(
                f"{server.url}/focus/v1/cost-and-usage", params={**parameters, "pageSize": 7}
            ).json()
            token = rest.pop("nextPageToken")

            async def questions(client: Client) -> None:
                page = await call(client, "listcostandusage", **parameters, pageSize=7)  # noqa: B023
                assert page.pop("truncated") is True
                # a token of one is good for the other
                following = await call(client, "listcostandusage", pageToken=token)  # noqa: B023
                assert following["records"] != page["records"] and following["pageSize"] == 7
                page.pop("nextPageToken")
                pages.append(page)

            ask(over_http(f"http://127.0.0.1:{port}/mcp"), questions)
            assert pages[-1] == rest
        # a page of REST may be larger than any of MCP
        large = httpx.get(f"{server.url}/focus/v1/cost-and-usage?pageSize=2000").json()

        async def ask_on(client: Client) -> None:
            page = await call(client, "listcostandusage", pageToken=large["nextPageToken"])
            assert len(page["records"]) == page["pageSize"] == 1000

        ask(over_http(f"http://127.0.0.1:{port}/mcp"), ask_on)
        assert server.stop() == 143


def test_the_sums_are_those_of_rest_and_parts_of_the_total(home: Path) -> None:
    october = {"billingPeriodStart": "2026-10-01", "billingPeriodEnd": "2026-11-01"}
    port = free_port()
    with serve(home, "--mcp", "--mcp-port", str(port)) as server:

        async def questions(client: Client) -> None:
            listed = await call(client, "listcostandusage", **october, pageSize=1)
            for names in GROUPINGS:
                found = await call(
                    client, "summarizecostandusage", **october, groupBy=names, limit=1000
                )
                quoted = ",".join('"' + name.replace('"', '""') + '"' for name in names)
                rest = httpx.get(
                    f"{server.url}/api/spend", params={**october, "groupBy": quoted}
                ).json()
                assert found == rest and found["groups"] and not found["truncated"]
                assert found["totals"] == listed["totals"]
                assert found["coverage"] == listed["coverage"]
                [total] = found["totals"]["currencies"]
                costs = [Decimal(group["BilledCost"]) for group in found["groups"]]
                assert sum(costs) == Decimal(total["BilledCost"])
            # as text with commas it is the same question, and an empty list is none
            text = await call(client, "summarizecostandusage", **october, groupBy="day,modelId")
            named = ["day", "modelId"]
            asked = await call(client, "summarizecostandusage", **october, groupBy=named)
            assert text == asked and text["truncated"] and len(text["groups"]) == 50
            assert (await call(client, "summarizecostandusage", groupBy=[]))["groups"] == []
            # what a group names is the filter that leads to its rows
            group = (await call(client, "summarizecostandusage", groupBy=["modelId"]))["groups"][0]
            part = await call(client, "summarizecostandusage", **group["keys"])
            assert part["totals"]["currencies"][0]["BilledCost"] == group["BilledCost"]

        ask(over_http(f"http://127.0.0.1:{port}/mcp"), questions)


def test_compact_pages_leave_out_what_is_null_in_every_row(home: Path) -> None:
    async def questions(client: Client) -> None:
        whole = await call(client, "listcostandusage", subAccountId="Legal", pageSize=1000)
        rows = whole["records"]
        assert not whole["truncated"] and "omittedColumns" not in whole
        empty = [name for name in rows[0] if all(row[name] is None for row in rows)]
        arguments: dict[str, Any] = {"subAccountId": "Legal", "compact": True, "pageSize": "200"}
        compact: list[dict[str, Any]] = []
        while True:
            page = await call(client, "listcostandusage", **arguments)
            assert page["omittedColumns"] == empty and page["pageSize"] == 200
            compact += page["records"]
            if not page["truncated"]:
                break
            arguments = {"pageToken": page["nextPageToken"]}
        assert compact == [
            {name: value for name, value in row.items() if name not in empty} for row in rows
        ]
        for said in (False, "false", None):
            page = await call(
                client, "listcostandusage", subAccountId="Legal", pageSize=1000, compact=said
            )
            assert page["records"] == rows

    ask(over_stdio(home), questions)


def test_the_mcp_port_tells_whether_there_is_a_build(home: Path, tmp_path: Path) -> None:
    for folder, status in ((home, 200), (tmp_path / "empty", 503)):
        folder.mkdir(exist_ok=True)
        port = free_port()
        tokens = write_tokens(folder / "tokens.json", TOKENS)
        with serve(folder, "--mcp", "--mcp-port", str(port), "--tokens", tokens):
            ready = httpx.get(f"http://127.0.0.1:{port}/readyz")
            assert ready.status_code == status
            assert (ready.json()["status"]) == ("ready" if status == 200 else 503)


def test_a_tenant_sees_its_own_rows_and_jobs(home: Path, url: str) -> None:
    async def run() -> None:
        async with over_http(url, "acme") as acme, over_http(url, "globex") as globex:
            pages = {}
            for name, client in (("acme", acme), ("globex", globex)):
                pages[name] = page = await call(client, "listcostandusage", pageSize=1000)
                accounts = {row["BillingAccountId"] for row in page["records"]}
                assert accounts == {f"org-{name}"}
                sums = await call(client, "summarizecostandusage", groupBy=["subAccountId"])
                assert sums["totals"] == page["totals"] and sums["coverage"] == page["coverage"]
                departments = {group["keys"]["subAccountId"] for group in sums["groups"]}
                assert departments >= {row["SubAccountId"] for row in page["records"]}
                commitments = await call(client, "listcontractcommitments")
                found = {row["x_BillingAccountId"] for row in commitments["records"]}
                assert found <= {f"org-{name}"}
            assert pages["acme"]["totals"] != pages["globex"]["totals"]
            stolen = pages["acme"]["nextPageToken"]
            assert await fail(globex, "listcostandusage", pageToken=stolen) == (
                "invalid-page-token",
                ["pageToken"],
            )
            job = await call(acme, "exportcostandusage", format="jsonl")
            unknown = await fail(globex, "getcostandusageexportstatus", jobId=job["jobId"])
            assert unknown == ("not-found", ["jobId"])
            file = (await await_file(acme, job["jobId"]))["file"]
            lines = httpx.get(file["url"]).text.splitlines()
            assert {json.loads(line)["BillingAccountId"] for line in lines} == {"org-acme"}
            assert len(lines) == pages["acme"]["totals"]["rows"]
        async with over_http(url, "commitments") as client:
            assert (await fail(client, "listcostandusage"))[0] == "forbidden"
            assert (await fail(client, "exportcostandusage"))[0] == "forbidden"
            assert (await fail(client, "summarizecostandusage"))[0] == "forbidden"
            with pytest.raises(mcp.MCPError, match="does not reach"):
                await client.read_resource("focus://columns/cost-and-usage/1.3")
            assert (await call(client, "listcontractcommitments"))["records"]

    asyncio.run(run())


def test_a_refusal_names_the_parameter(home: Path) -> None:
    async def questions(client: Client) -> None:
        for tool, arguments, named in (
            ("listcostandusage", {"pageSize": 0}, "pageSize"),
            ("listcostandusage", {"pageSize": 1.5}, "pageSize"),
            *(
                ("listcostandusage", {"pageSize": text}, "pageSize")
                for text in (
                    "",
                    "5.5",
                    "5 rows",
                    "-5",
                    "0x5",
                    "1e2",
                    "\u0665",
                    "0",
                    "1001",
                    "5" * 99,
                )
            ),
            ("listcostandusage", {"compact": 1}, "compact"),
            ("listcostandusage", {"compact": "yes"}, "compact"),
            ("listcostandusage", {"subAccountId": []}, "subAccountId"),
            ("listcostandusage", {"groupBy": ["day"]}, "groupBy"),
            ("summarizecostandusage", {"groupBy": ["week"]}, "groupBy"),
            ("summarizecostandusage", {"groupBy": ["tag:"]}, "groupBy"),
            ("summarizecostandusage", {"groupBy": [1]}, "groupBy"),
            ("summarizecostandusage", {"groupBy": {"day": 1}}, "groupBy"),
            ("summarizecostandusage", {"groupBy": ["day"] * 13}, "groupBy"),
            ("summarizecostandusage", {"limit": 1001}, "limit"),
            ("summarizecostandusage", {"pageSize": 5}, "pageSize"),
            ("summarizecostandusage", {"compact": True}, "compact"),
            ("listcostandusage", {"pageSize": True}, "pageSize"),
            ("listcostandusage", {"subAccountId": 3}, "subAccountId"),
            ("listcostandusage", {"sql": "select 1"}, "sql"),
            ("listcostandusage", {"modelId": "openai/gpt-5"}, "modelId"),
            ("listcostandusage", {"billingPeriodStart": "May"}, "billingPeriodStart"),
            (
                "listcostandusage",
                {"billingPeriodStart": "2026-10-01", "billingPeriodEnd": "2026-10-01"},
                "billingPeriodEnd",
            ),
            ("listcostandusage", {"chargeCategory": "usages"}, "chargeCategory"),
            ("summarizecostandusage", {"serviceCategory": "AI"}, "serviceCategory"),
            ("exportcostandusage", {"chargeCategory": "' or 1=1 --"}, "chargeCategory"),
            ("listcostandusage", {"focusVersion": "2.0"}, "focusVersion"),
            ("listcontractcommitments", {"subAccountId": "x"}, "subAccountId"),
            ("getschemametadata", {"dataset": "ai-calls"}, "dataset"),
            ("exportcostandusage", {"format": "xlsx"}, "format"),
            ("getcostandusageexportstatus", {}, "jobId"),
        ):
            assert await fail(client, tool, **arguments) == ("invalid-parameter", [named])
        assert await fail(client, "listcostandusage", pageToken="x") == (
            "invalid-page-token",
            ["pageToken"],
        )
        missing = await fail(client, "getcostandusageexportstatus", jobId="x")
        assert missing == ("not-found", ["jobId"])
        # what matches nothing is an empty page, and null is not given
        page = await call(client, "listcostandusage", region="' or 1=1 --", pageSize=None)
        assert page["records"] == [] and page["totals"]["rows"] == 0
        assert [it["parameter"] for it in page["unmatched"]] == ["region"]
        spend = await call(
            client, "summarizecostandusage", subAccountId="data science", chargeCategory="USAGE"
        )
        [missing] = spend["unmatched"]
        assert missing["nearest"][0] == {"value": "team-ds", "name": "Data Science"}
        by_key = await call(client, "summarizecostandusage", providerName="openai")
        assert by_key["totals"]["rows"] == 3423 and "unmatched" not in by_key
        with pytest.raises(mcp.MCPError, match="There is no tool"):
            await client.call_tool("query", {"sql": "select 1"})

    ask(over_stdio(home), questions)


def test_resources_tell_the_columns_and_prompts_the_questions(home: Path) -> None:
    async def questions(client: Client) -> None:
        resources = {resource.uri for resource in (await client.list_resources()).resources}
        assert {"focus://schema/1.3", "focus://columns/cost-and-usage/1.3"} <= resources
        for uri in sorted(resources):
            read = json.loads((await client.read_resource(uri)).contents[0].text)
            assert "Schema" in read or read["properties"]
        row = json.loads(
            (await client.read_resource("focus://columns/cost-and-usage/1.3")).contents[0].text
        )
        page = await call(client, "listcostandusage", pageSize=1)
        assert page["records"][0].keys() == row["properties"].keys()
        with pytest.raises(mcp.MCPError, match="There is no resource"):
            await client.read_resource("focus://columns/cost-and-usage/9.9")
        prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
        assert prompts.keys() == {"monthly_cost", "commitments"}
        asked = await client.get_prompt("monthly_cost", {"month": "2026-12", "department": "R&D"})
        text = asked.messages[0].content.text
        assert "2026-12-01T00:00:00Z" in text and "2027-01-01T00:00:00Z" in text and "R&D" in text
        assert "summarizecostandusage" in text and "pageSize" not in text
        for arguments in ({}, {"month": "2026-13"}, {"month": "2026-12", "year": "2026"}):
            with pytest.raises(mcp.MCPError, match=r"month|year"):
                await client.get_prompt("monthly_cost", arguments)

    ask(over_stdio(home), questions)


def test_the_addresses_of_resources_follow_templates(home: Path) -> None:
    async def questions(client: Client) -> None:
        listed = (await client.list_resource_templates()).resource_templates
        patterns = [re.sub(r"\{\w+\}", r"[^/]+", it.uri_template) for it in listed]
        uris = [it.uri for it in (await client.list_resources()).resources]
        assert uris and patterns
        for uri in uris:
            assert sum(bool(re.fullmatch(pattern, uri)) for pattern in patterns) == 1
        for template in listed:
            uri = template.uri_template.replace("{version}", "1.3")
            uri = uri.replace("{dataset}", "contract-commitment")
            assert (await client.read_resource(uri)).contents[0].text

    ask(over_stdio(home), questions)


@pytest.mark.parametrize("path", ["mcp", ""])
def test_over_http_nobody_is_let_in_without_a_token(url: str, path: str) -> None:
    url = url.removesuffix("mcp") + path
    kinds = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    def post(**headers: str) -> httpx.Response:
        return httpx.post(url, json=message, headers={**kinds, **headers})

    assert post(**bearer("all")).status_code == 200
    for headers in ({}, bearer("nobody"), {"Authorization": "Basic all-token"}):
        refused = post(**headers)
        assert refused.status_code == 401 and "Bearer" in refused.headers["www-authenticate"]
    # a web page of somebody else
    for origin in ("http://evil.example", "null", "http://[", "http://["):
        assert post(**bearer("all"), Origin=origin).status_code == 403
    assert httpx.get(url, headers=bearer("all")).status_code == 405
    big = httpx.post(url, content=b" " * 300_000, headers={**kinds, **bearer("all")})
    assert big.status_code == 413


def test_without_a_token_http_is_for_this_machine_only(home: Path) -> None:
    result = focus_export("mcp", "--http", "--host", "0.0.0.0", "--home", home)
    assert_one_sentence(result, 2, "Without a token", "FINOPS_FOUNDATION_TOKEN")
    result = focus_export("mcp", "--home", home, variables={"AI_FOCUS_TARGET": "snowflake"})
    assert_one_sentence(result, 2, "snowflake")
    port = free_port()
    arguments = ["--http", "--port", str(port), "--home", str(home)]
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter.cli", "mcp", *arguments],
        env=environment(),
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:

        async def questions() -> None:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200:
                        break
                await asyncio.sleep(0.1)
            async with over_http(f"http://127.0.0.1:{port}/mcp") as client:
                assert (await call(client, "listcostandusage", pageSize=1))["truncated"]

        asyncio.run(questions())
        # a name that points here
        foreign = {"Host": "focus.example"}
        response = httpx.post(f"http://127.0.0.1:{port}/mcp", json={}, headers=foreign)
        assert response.status_code == 403
    finally:
        process.terminate()
        process.wait(30)


def test_the_command_line_does_not_load_the_servers_libraries() -> None:
    loaded = "import sys, exporter.cli, exporter.commands.mcp, exporter.commands.serve as s;"
    loaded += "print({'mcp', 'mcp_types', 'fastapi', 'starlette', 'uvicorn'} & sys.modules.keys())"
    result = subprocess.run(
        [sys.executable, "-c", loaded],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    assert result.stdout.strip() == "set()"
