"""What the server counts of itself, for Prometheus. Nothing of the data and no token is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.api.principal import Caller

CountJobs = Callable[[Caller | None], Mapping[str, int]]
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        """Start at zero."""
        self._registry = CollectorRegistry()
        self._count_jobs: CountJobs | None = None
        self.requests = Counter(
            "focus_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "focus_request_seconds",
            "Seconds until the last byte of an answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.running = Gauge(
            "focus_requests_running", "Requests being answered.", registry=self._registry
        )
        self.waiting = Gauge(
            "focus_requests_waiting",
            "Requests that wait for their turn.",
            registry=self._registry,
        )
        self.rows = Counter(
            "focus_rows_listed", "Rows given in lists.", ("dataset",), registry=self._registry
        )
        self.build_finished = Gauge(
            "focus_build_finished_timestamp_seconds",
            "When the published build was finished.",
            registry=self._registry,
        )

    def watch_jobs(self, count: CountJobs) -> None:
        """Tell the numbers of export jobs by state, counted when they are asked for."""
        self._count_jobs = count
        self._registry.register(_JobStates(count, None))

    def watch_warehouse(self, read: Callable[[], tuple[float | None, str | None]]) -> None:
        """Tell when a warehouse's copy was known to be current, and what failed since."""
        self._registry.register(_WarehouseCopy(read))

    def render(self, caller: Caller) -> bytes:
        """Write them as Prometheus reads them; a caller with a scope is told of its own jobs alone.

        What the server does for others is for those who may see everything.
        """
        if not caller.is_limited:
            return generate_latest(self._registry)
        own = CollectorRegistry()
        own.register(self.build_finished)
        if self._count_jobs is not None:
            own.register(_JobStates(self._count_jobs, caller))
        return generate_latest(own)


class _JobStates(Collector):
    def __init__(self, count: CountJobs, caller: Caller | None) -> None:
        self._count = count
        self._caller = caller

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily("focus_jobs", "Export jobs by state.", labels=["state"])
        for state, number in self._count(self._caller).items():
            family.add_metric([state], number)
        yield family


class _WarehouseCopy(Collector):
    def __init__(self, read: Callable[[], tuple[float | None, str | None]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        current_at, failure = self._read()
        if current_at is not None:
            yield GaugeMetricFamily(
                "focus_warehouse_current_timestamp_seconds",
                "When the copy was last known to be the warehouse's build.",
                current_at,
            )
        yield GaugeMetricFamily(
            "focus_warehouse_failing",
            "Whether the last look at the warehouse failed (1) or not (0).",
            0 if failure is None else 1,
        )
