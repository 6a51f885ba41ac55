"""`focus-export mcp`: the datasets for AI assistants, over the Model Context Protocol."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from exporter.errors import UserError
from exporter.home import Home, home_option
from exporter.options import host_option, rate_option, tokens_option

_EXAMPLES = """\b
Examples:
  focus-export mcp --home /data/focus
  focus-export mcp --http
  FINOPS_FOUNDATION_TOKEN=… focus-export mcp --http --host 0.0.0.0
"""


@click.command(
    name="mcp",
    short_help="Serve the datasets to AI assistants: the MCP server.",
    epilog=_EXAMPLES,
)
@home_option
@click.option(
    "--http", "over_http", is_flag=True, help="Serve over HTTP at /mcp instead of standard input."
)
@host_option
@click.option(
    "--port", type=click.IntRange(1, 65535), default=9090, show_default=True, help="Port of --http."
)
@tokens_option
@rate_option
def command(
    home: Home,
    over_http: bool,
    host: str,
    port: int,
    token_file: Path | None,
    rate: int,
) -> None:
    """Serve the published build as MCP tools, resources and prompts.

    Without --http it talks over standard input and output, as a desktop client starts it, with the
    rights of the user who runs it. With --http it takes the bearer tokens of `serve`; without any,
    it listens on this machine only.
    """
    try:
        from exporter.api.jobs import Jobs
        from exporter.api.mcp_server import make_offer, serve_stdio
        from exporter.api.server import Settings, check_target, run
        from exporter.api.service import Service
    except ModuleNotFoundError as error:
        raise UserError(
            f"The MCP server needs {error.name}: run `pip install 'ai-focus[mcp]'`."
        ) from None

    if over_http:
        run(home, Settings(host, None, token_file, rate, mcp_port=port))
        return
    check_target()
    with closing(Service(home)) as service, closing(Jobs(service)) as jobs:
        jobs.start()
        serve_stdio(make_offer(service, jobs))
