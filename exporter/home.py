"""Where a user's builds, extracts and logs lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from exporter.errors import UserError

DATABASE = "ai_focus.duckdb"
DESCRIPTION = "build.json"
# a file in a build's folder; until its time of change no later build deletes the folder
LEASE = "lease"
_META_KEY = "exporter.home"
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Home:
    """The folder that holds everything focus-export writes."""

    path: Path

    @property
    def database(self) -> Path:
        """The link to the published build's DuckDB file."""
        return self.path / DATABASE

    @property
    def builds(self) -> Path:
        """One folder per build."""
        return self.path / "builds"

    @property
    def building(self) -> Path:
        """The folder of the build that runs: its name is always the same, as dbt's parse asks."""
        return self.builds / ".building"

    @property
    def exports(self) -> Path:
        """Where `run` writes its extracts."""
        return self.path / "exports"

    @property
    def target(self) -> Path:
        """The artefacts of dbt itself."""
        return self.path / "target"

    @property
    def logs(self) -> Path:
        """The log of dbt, and tracebacks of unexpected errors."""
        return self.path / "logs"

    def published(self) -> Path:
        """Resolve the published DuckDB file, so that a later build can't change what is read.

        Raises UserError when nothing has been published here.
        """
        try:
            return self.database.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError, RuntimeError):
            raise UserError(
                f"There is no build in {self.path}: run `focus-export build` there first, "
                "or name another folder with --home."
            ) from None

    def is_shared(self) -> bool:
        """Tell whether other users of the machine may look into the folder."""
        return os.name == "posix" and self.path.exists() and bool(self.path.stat().st_mode & 0o077)

    def prepare(self) -> None:
        """Make the folders that a build needs; raises UserError when that is not possible."""
        for folder in (self.path, self.builds, self.target, self.logs):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(
                    f"The folder {folder} can't be made ({error.strerror}): "
                    "name a folder you may write to with --home."
                ) from None
            if not os.access(folder, os.W_OK | os.X_OK):
                raise UserError(
                    f"The folder {folder} can't be written to: "
                    "name a folder you may write to with --home."
                )


def _to_home(context: click.Context, _parameter: click.Parameter, value: str) -> Home:
    home = Home(Path(value).expanduser().absolute())
    context.meta[_META_KEY] = home
    return home


def of_context(context: click.Context) -> Home:
    """Give the home that the running command was called with, else the default one."""
    found = context.meta.get(_META_KEY)
    if isinstance(found, Home):
        return found
    return Home(Path(os.environ.get("AI_FOCUS_HOME") or ".").expanduser().absolute())


def home_option(function: _Function) -> _Function:
    """Add `--home` to a command; the command receives it as a `Home` named `home`."""
    return click.option(
        "--home",
        envvar="AI_FOCUS_HOME",
        default=".",
        metavar="DIR",
        is_eager=True,
        callback=_to_home,
        help="Folder of builds, exports and logs (AI_FOCUS_HOME; default: the current folder).",
    )(function)
