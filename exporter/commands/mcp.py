"""`focus-export mcp`: the datasets for AI assistants, over the Model Context Protocol."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from exporter.errors import UserError
from exporter.home import Home, home_option
from exporter.options import (
    host_option,
    public_url_option,
    rate_option,
    refresh_option,
    target_option,
    tokens_option,
)

_EXAMPLES = """\b
Examples:
  focus-export mcp --home /data/focus
  focus-export mcp --http
  FINOPS_FOUNDATION_TOKEN=… focus-export mcp --http --host 0.0.0.0
  focus-export mcp --target bigquery
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
@public_url_option
@target_option
@refresh_option
def command(
    home: Home,
    over_http: bool,
    host: str,
    port: int,
    token_file: Path | None,
    rate: int,
    public_url: str | None,
    target: str,
    refresh: int,
) -> None:
    """Serve the published build as MCP tools, resources and prompts.

    Without --http it talks over standard input and output, as a desktop client starts it, with the
    rights of the user who runs it. With --http it takes the bearer tokens of `serve`; without any,
    it listens on this machine only.

    With --target snowflake or bigquery the rows are those of the warehouse, read from a copy of
    its last finished build.
    """
    try:
        from exporter.api.jobs.orders import Jobs
        from exporter.api.mcp.server import make_offer, serve_stdio
        from exporter.api.server import Settings, open_source, run
        from exporter.api.service import Service
    except ModuleNotFoundError as error:
        raise UserError(
            f"The MCP server needs {error.name}: run `pip install 'ai-focus[mcp]'`."
        ) from None

    if over_http:
        settings = Settings(
            host,
            None,
            token_file,
            rate,
            mcp_port=port,
            target=target,
            refresh=refresh,
            public_url=public_url,
        )
        run(home, settings)
        return
    with (
        open_source(home, target, refresh) as (served, _),
        closing(Service(served)) as service,
        closing(Jobs(service)) as jobs,
    ):
        jobs.start()
        serve_stdio(make_offer(service, jobs))
