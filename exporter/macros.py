"""The project's macros, rendered as DuckDB's SQL without dbt."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, NoReturn

from exporter.errors import UserError
from exporter.project import load_project

_FILES = ("types.sql", "money.sql", "time.sql", "focus_rules/*.sql")
_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)


class _Returned(Exception):  # noqa: N818 - carries dbt's return() out of a macro
    pass


def _return(value: Any) -> NoReturn:
    raise _Returned(value)


def _refuse(message: str) -> NoReturn:
    raise UserError(message)


@cache
def macros() -> dict[str, Callable[..., Any]]:
    """Give the macros of _FILES by name; each is compiled when it is first called."""
    import jinja2

    # SQL, not HTML: nothing here is shown in a browser.
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], autoescape=False)  # noqa: S701
    found: dict[str, Callable[..., Any]] = {}

    def to_callable(name: str, source: str) -> Callable[..., Any]:
        @cache
        def compiled() -> Any:
            return getattr(environment.from_string(source).module, name)

        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return compiled()(*arguments, **named)
            except _Returned as returned:
                return returned.args[0]

        return call

    def dispatch(name: str, _package: str) -> Callable[..., Any]:
        return found.get(f"duckdb__{name}") or found[f"default__{name}"]

    folder = load_project().path / "macros"
    for file in (file for pattern in _FILES for file in sorted(folder.glob(pattern))):
        for match in _MACRO.finditer(file.read_text(encoding="utf-8")):
            found[match[1]] = to_callable(match[1], match[0])
    environment.globals.update(found)
    environment.globals["adapter"] = SimpleNamespace(dispatch=dispatch)
    environment.globals["exceptions"] = SimpleNamespace(raise_compiler_error=_refuse)
    environment.globals["modules"] = SimpleNamespace(re=re)
    environment.globals["return"] = _return
    return found
