"""The command `focus-export`: finds a command, runs it, and turns errors into one sentence."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from exporter.errors import (
    DataError,
    FocusExportError,
    MachineError,
    UserError,
    exit_code,
    is_refusal,
)

# name -> (module whose `command` is the click command, help on one line); loaded when called
COMMANDS = {
    "run": ("exporter.commands.run", "Build, then write the extracts: the main job."),
    "build": (
        "exporter.commands.build",
        "Build the datasets and publish them whole or not at all.",
    ),
    "export": ("exporter.commands.export", "Write one dataset to a file or to standard output."),
    "load": ("exporter.commands.load", "Load raw files into a warehouse's raw tables."),
    "doctor": ("exporter.commands.doctor", "Check a target: login, rights, arithmetic, tables."),
    "schema": ("exporter.commands.schema", "Show the FOCUS metadata of the datasets."),
    "validate": ("exporter.commands.validate", "Check any FOCUS file against the FOCUS rules."),
    "serve": ("exporter.commands.serve", "Serve the datasets over HTTP: the FOCUS API."),
    "mcp": ("exporter.commands.mcp", "Serve the datasets to AI assistants: the MCP server."),
    "prices": (
        "exporter.commands.prices",
        "Update and check the price book, list what has no price.",
    ),
}

EXIT_INTERRUPTED = 130
# as the shell says of a program whose reader went away
EXIT_BROKEN_PIPE = 141
EXIT_TERMINATED = 143


class LazyGroup(click.Group):
    """A group that lists its commands from a table and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Name all commands, the main job first."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002
        cmd_name: str,
    ) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(COMMANDS[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is no click command")
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002
        formatter: click.HelpFormatter,
    ) -> None:
        """List the commands from the table, without importing one."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an unexpected error's traceback goes to the home's log."""
        try:
            return super().invoke(ctx)
        except (FocusExportError, click.ClickException):
            raise
        except (click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # click would end with 1
            raise SystemExit(EXIT_BROKEN_PIPE) from None
        except Exception as error:
            # an error of a file, other than one of a stream, carries its name
            if isinstance(error, OSError) and error.filename is None and error.errno in _FULL:
                raise _describe_full(error) from None
            said = _describe_unexpected(ctx, error)
            if isinstance(error, OSError) and (is_refusal(error) or error.errno == errno.ENOENT):
                raise MachineError(said) from None
            raise DataError(said) from None


# what a stream that takes no more says
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)


def _describe_full(error: OSError) -> MachineError:
    return MachineError(
        f"The output can't be written ({error.strerror}): free some space or send it elsewhere."
    )


def _describe_unexpected(context: click.Context, error: Exception) -> str:
    import traceback
    from datetime import datetime, timezone

    from exporter.home import of_context

    summary = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, OSError) and error.filename is not None:
        summary = f"{error.filename}: {error.strerror}"
    log = of_context(context).logs / "focus-export.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{datetime.now(timezone.utc).isoformat()} {' '.join(sys.argv)}\n")
            file.write("".join(traceback.format_exception(error)) + "\n")
    except OSError:
        return f"An unexpected error stopped the command ({summary})."
    return f"An unexpected error stopped the command ({summary}); its details are in {log}."


def _show_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from exporter.project import tool_version

        click.echo(f"focus-export {tool_version()}")
        context.exit()


@click.group(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """AI usage, prices and contracts as FinOps FOCUS datasets.

    Exit codes: 0 done, 1 the data failed a check, 2 a mistake in the call or in a file,
    3 incomplete where --strict asks for completeness (a closed month that moved is not published
    then) or --set-aside left a file out, 4 another build is running, 5 the machine (no space,
    memory or right, a file gone while it was read), 130 stopped by Ctrl-C, 141 the reader of the
    output went away, 143 stopped by SIGTERM.
    """


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    # SystemExit unwinds the stack, so that a stopped build removes what it began
    raise SystemExit(EXIT_TERMINATED)


def _fail(message: str, code: int) -> int:
    click.echo(f"Error: {message}", err=True)
    return code


def _run(arguments: list[str] | None) -> int:
    """Run the command line; gives its exit code, every error being said in one sentence."""
    try:
        result = cli.main(arguments, prog_name="focus-export", standalone_mode=False)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else DataError.code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return UserError.code
    except click.ClickException as error:
        code = _fail(error.format_message(), UserError.code)
        if isinstance(error, click.UsageError) and error.ctx is not None:
            click.echo(f"Try `{error.ctx.command_path} --help`.", err=True)
        return code
    except FocusExportError as error:
        return _fail(str(error), exit_code(error))
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    return result if isinstance(result, int) else 0


def _flush(code: int) -> int:
    """Empty the standard output, so that Python has nothing to complain of at its end."""
    if sys.stdout is None:
        return code
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code == 0 and isinstance(error, BrokenPipeError):
            return EXIT_BROKEN_PIPE
        if code == 0:
            return _fail(str(_describe_full(error)), MachineError.code)
    return code


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; never shows a traceback."""
    for stream in (sys.stdout, sys.stderr):
        # what goes to a file is not what the system's terminal takes
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")
    signal.signal(signal.SIGTERM, _terminate)
    code = _flush(_run(arguments))
    if threading.active_count() > 1:
        # a thread that hangs in DuckDB must not keep the process
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
