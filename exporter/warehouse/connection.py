"""Opens a warehouse through dbt's own adapter and the user's profile.

So every way to log in that dbt knows works here too. All that is used of dbt's insides is here.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exporter.errors import UserError
from exporter.project import Project
from exporter.targets import check_warehouse, profiles_folder, shorten
from exporter.warehouse.adapters import KINDS, Warehouse


@contextmanager
def open_warehouse(target: str, project: Project) -> Iterator[Warehouse]:
    """Open the target of the user's profile as dbt would.

    Raises UserError where the target is no warehouse, or can't be reached.
    """
    with _dbts_errors_explained(target):
        config = _read_profile(target, project)
        from dbt.adapters.factory import get_adapter, register_adapter, reset_adapters
        from dbt.mp_context import get_mp_context

        # dbt keeps one adapter of a kind, with the settings that it was first opened with
        reset_adapters()  # type: ignore[no-untyped-call]
        register_adapter(config, get_mp_context())
        adapter = get_adapter(config)
        try:
            with adapter.connection_named("focus-export"):
                handle = adapter.connections.get_thread_connection().handle
                yield KINDS[config.credentials.type](target, adapter, handle)
        finally:
            adapter.cleanup_connections()


def describe_place(target: str, project: Project) -> dict[str, str]:
    """Tell where a target's tables lie and who reads them, without connecting; no secret is in it.

    Raises UserError where the target is no warehouse.
    """
    with _dbts_errors_explained(target):
        login = _read_profile(target, project).credentials
    names = ("type", "unique_field", "database", "schema", "user", "role")
    return {name: str(getattr(login, name)) for name in names if getattr(login, name, None)}


def _read_profile(target: str, project: Project) -> Any:
    import dbt_common.events  # noqa: F401 - sets the logger up that is taken away below
    from dbt.config.runtime import RuntimeConfig
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context
    from dbt_common.events.event_manager_client import cleanup_event_logger

    # dbt's own lines would stand in an extract on standard output
    cleanup_event_logger()
    arguments = argparse.Namespace(
        project_dir=str(project.path),
        profiles_dir=str(profiles_folder(project)),
        target=target,
        profile=None,
        vars={},
        threads=1,
        which="run",
        SEND_ANONYMOUS_USAGE_STATS=False,
    )
    set_invocation_context(dict(os.environ))
    set_from_args(arguments, None)
    config = RuntimeConfig.from_args(arguments)
    if config.credentials.type not in KINDS:
        raise UserError(
            f"The target {target} is of the type {config.credentials.type}: "
            f"name one of {' or '.join(KINDS)}."
        )
    return config


@contextmanager
def _dbts_errors_explained(target: str) -> Iterator[None]:
    check_warehouse(target)
    from dbt_common.exceptions import DbtBaseException

    try:
        yield
    except DbtBaseException as error:
        raise UserError(
            f"The target {target} can't be opened ({shorten(str(error)).rstrip('.:')}): "
            f"run `focus-export doctor --target {target}`."
        ) from None
