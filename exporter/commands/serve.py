"""`focus-export serve`: the datasets over HTTP."""

from __future__ import annotations

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
  focus-export serve
  focus-export serve --mcp
  FINOPS_FOUNDATION_TOKEN=… focus-export serve --host 0.0.0.0
  focus-export serve --host 0.0.0.0 --tokens tokens.yml --rate 120
  focus-export serve --tokens tokens.yml --public-url https://example.com/focus
  focus-export serve --target snowflake
"""


@click.command(
    name="serve", short_help="Serve the datasets over HTTP: the FOCUS API.", epilog=_EXAMPLES
)
@home_option
@host_option
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8080, show_default=True, help="Port."
)
@click.option("--mcp", "with_mcp", is_flag=True, help="Serve MCP too, at /mcp of --mcp-port.")
@click.option(
    "--mcp-port", type=click.IntRange(1, 65535), default=9090, show_default=True, help="MCP's port."
)
@tokens_option
@rate_option
@click.option(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    metavar="URL",
    help="Let web pages of this origin ask; may be given several times  [default: none]",
)
@public_url_option
@target_option
@refresh_option
def command(
    home: Home,
    host: str,
    port: int,
    with_mcp: bool,
    mcp_port: int,
    token_file: Path | None,
    rate: int,
    cors_origins: tuple[str, ...],
    public_url: str | None,
    target: str,
    refresh: int,
) -> None:
    """Serve the published build over HTTP: a page for people at /, the routes in /docs.

    Tokens are FINOPS_FOUNDATION_TOKEN and those of --tokens. Without any, the server listens on
    this machine only. While a build runs it goes on with the one before, and then moves on.

    With --target snowflake or bigquery the rows are those of the warehouse: each finished build
    there is copied into the home, and requests are answered from the copy.
    """
    try:
        import exporter.api.app
        from exporter.api.server import Settings, run

        if with_mcp:
            import exporter.api.mcp.endpoint  # noqa: F401
    except ModuleNotFoundError as error:
        extra = "api,mcp" if with_mcp else "api"
        raise UserError(
            f"The server needs {error.name}: run `pip install 'ai-focus[{extra}]'`."
        ) from None

    settings = Settings(
        host,
        port,
        token_file,
        rate,
        cors_origins,
        mcp_port=mcp_port if with_mcp else None,
        target=target,
        refresh=refresh,
        public_url=public_url,
    )
    run(home, settings)
