"""How often a caller may ask."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from exporter.api.problems import RequestError

_FORGET_AFTER = 600


class RateLimit:
    """A bucket per caller that holds a minute's requests at most and fills evenly."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Allow so many requests a minute; 0 allows any number."""
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, identity: str) -> None:
        """Count one request; raises RequestError with the seconds to wait when it is too many."""
        if not self._per_minute:
            return
        rate = self._per_minute / 60
        with self._lock:
            now = self._clock()
            if len(self._buckets) > 1024:
                self._buckets = {
                    name: entry
                    for name, entry in self._buckets.items()
                    if now - entry[1] < _FORGET_AFTER
                }
            level, since = self._buckets.get(identity, (float(self._per_minute), now))
            level = min(float(self._per_minute), level + (now - since) * rate)
            allowed = level >= 1
            self._buckets[identity] = (level - 1 if allowed else level, now)
        if not allowed:
            wait = max(1, math.ceil((1 - level) / rate))
            raise RequestError(
                "too-many-requests",
                f"More than {self._per_minute} requests a minute: try again in {wait} s.",
                retry_after=wait,
            )
