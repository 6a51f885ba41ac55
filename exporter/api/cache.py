"""Keeps answers that are costly to compute, for whoever asks the same again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Kept(Generic[_Value]):
    """Values by key; several who ask for one at the same time wait for one of them to compute it.

    There are `most` at most, and together they weigh `most_weight` at most, save for the newest.
    """

    def __init__(self, most: int, most_weight: int, weigh: Callable[[_Value], int]) -> None:
        """Keep nothing yet."""
        self._most = most
        self._most_weight = most_weight
        self._weigh = weigh
        self._values: OrderedDict[Hashable, _Value] = OrderedDict()
        self._turns: dict[Hashable, threading.Lock] = {}
        self._weight = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable, compute: Callable[[], _Value]) -> _Value:
        """Give what is kept, or compute it and keep it. What `compute` raises is not kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key]
            try:
                value = compute()
                with self._lock:
                    self._keep(key, value)
            finally:
                with self._lock:
                    self._turns.pop(key, None)
        return value

    def _keep(self, key: Hashable, value: _Value) -> None:
        """Keep a value, and forget those that were not asked for the longest."""
        if key in self._values:
            self._weight -= self._weigh(self._values.pop(key))
        self._values[key] = value
        self._weight += self._weigh(value)
        while len(self._values) > 1 and (
            len(self._values) > self._most or self._weight > self._most_weight
        ):
            _, forgotten = self._values.popitem(last=False)
            self._weight -= self._weigh(forgotten)
