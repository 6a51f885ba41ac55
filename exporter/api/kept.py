"""Keeps what was computed for a query of a build, until newer values need the room."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cachetools import LRUCache, cached


def keep(
    compute: Callable[..., Any], most: int, most_weight: int, weigh: Callable[[Any], int] = len
) -> Callable[..., Any]:
    """Keep at most so many values, which together weigh no more than that.

    It is called with a cursor, the build, the query and what else the value depends on; `compute`
    does without the build. Several who ask for the same at once wait for one to compute it.
    """
    return cached(
        LRUCache(most_weight, lambda value: max(weigh(value), most_weight // most)),
        key=lambda _cursor, build, query, *more: (build.key, query.key, *more),
        condition=threading.Condition(),
    )(lambda cursor, _build, query, *more: compute(cursor, query, *more))


def find_kept(function: Any, *arguments: object) -> Any:
    """Give what such a function has kept for the arguments; None where it would compute it."""
    with function.cache_condition:
        return function.cache.get(function.cache_key(*arguments))
