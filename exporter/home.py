"""Where a user's builds, extracts and logs lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from exporter.errors import MachineError, UserError
from exporter.settings import Settings, read_settings

DATABASE = "ai_focus.duckdb"
DESCRIPTION = "build.json"
MEMORY_LIMIT = "AI_FOCUS_MEMORY_LIMIT"
STORAGE_VERSION = "AI_FOCUS_STORAGE_VERSION"
# names the published build where no link can be made
POINTER = "current"
# a file in a build's folder; until its time of change no later build deletes the folder
LEASE = "lease"
_META_KEY = "exporter.home"
_SETTINGS_KEY = "exporter.settings"
# settings that are handed on in the environment: to processes that are started, and dbt's profile
_HANDED_ON = {"memory_limit": MEMORY_LIMIT, "storage_version": STORAGE_VERSION}
# commands that take all of a home's settings; others take its target, vars and what is handed on
_BUILDERS = ("run", "build")
# of `prices`
_READERS = ("update", "check")
_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Home:
    """The folder that holds everything focus-export writes."""

    path: Path

    @property
    def link(self) -> Path:
        """The link to the published build's DuckDB file, or the file that dbt alone made there."""
        return self.path / DATABASE

    @property
    def pointer(self) -> Path:
        """The text file that names the published build where no link can be made."""
        return self.builds / POINTER

    @property
    def database(self) -> Path:
        """The published build's DuckDB file, by the link or else by the text file."""
        if not self.link.is_symlink() and not self.link.exists():
            with suppress(OSError):
                return self.builds / self.pointer.read_text(encoding="utf-8").strip() / DATABASE
        return self.link

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
                raise MachineError(
                    f"The folder {folder} can't be written to: "
                    "name a folder you may write to with --home."
                )


def sync(path: Path) -> None:
    """Wait until the disk has a file or the names in a folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except PermissionError:
        # Windows opens no folder, and writes its names by itself
        if path.is_dir():
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, content: str) -> None:
    """Write a text file, in place of an older one in one step, and wait until the disk has it."""
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(content, encoding="utf-8", newline="\n")
    sync(temporary)
    temporary.replace(path)


def _to_home(context: click.Context, _parameter: click.Parameter, value: str) -> Home:
    home = Home(Path(value).expanduser().absolute())
    context.meta[_META_KEY] = home
    settings = context.meta[_SETTINGS_KEY] = read_settings(home.path)
    values = settings.values
    # what click takes where neither an option nor the environment says more
    filed: dict[str, Any] = {"target": values.get("target")}
    if context.info_name in (*_BUILDERS, *_READERS):
        folder = values.get("raw_dir")
        filed["raw_dir"] = folder and home.path / Path(folder).expanduser()
    if context.info_name in _BUILDERS:
        sources = values.get("source")
        filed |= {
            "sources": [sources] if isinstance(sources, str) else sources,
            "threads": values.get("threads"),
            "strict": values.get("strict"),
        }
    context.default_map = {name: value for name, value in filed.items() if value is not None}
    for key, variable in _HANDED_ON.items():
        if key in values and not os.environ.get(variable):
            os.environ[variable] = str(values[key])
    return home


def settings_of(context: click.Context) -> Settings:
    """Give the settings of the running command's home; its option --home has been read before."""
    found = context.meta.get(_SETTINGS_KEY)
    return found if isinstance(found, Settings) else Settings(Path())


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
