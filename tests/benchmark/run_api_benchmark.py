"""Measure `focus-export serve` on a large build: pages, readers at once, memory, a streamed file.

    python tests/benchmark/run_api_benchmark.py [--calls 4000000] [--home DIR] [--only PART …]

Without a home that has a build, the calls are generated and built first (4 million calls are 10
million FOCUS rows). Prints a JSON object: per filter the seconds of the totals (the first request),
and p50 and p95 in milliseconds of page 1 and of page 5,000 (or the last one), one client, 1,000
rows a page; requests a second and errors of 50 readers; the server's memory in MB after every
thousandth of 10,000 requests; peak memory and seconds of a streamed file of all rows; p50 and p95
of one token's page of one row, and the seconds until its export order starts, while another token
sends 300 requests at once, again and again, and 20 orders.
"""

import argparse
import asyncio
import hashlib
import json
import multiprocessing
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path

import httpx
from run_benchmark import ROOT, run_command, write_calls

sys.path.insert(0, str(ROOT))

from exporter.api.page_tokens import PageToken, write_page_token
from exporter.api.principal import LOCAL
from exporter.api.queries import read_query
from exporter.api.service import Service
from exporter.home import Home

LIST = "/focus/v1/cost-and-usage"
FILTERS: list[dict[str, str]] = [
    {},
    {"billingPeriodStart": "2026-09-01", "billingPeriodEnd": "2026-10-01"},
    {"chargeCategory": "Usage"},
    {"providerName": "OpenAI"},
    {"serviceName": "Amazon Bedrock"},
    {"serviceCategory": "AI and Machine Learning"},
    {"region": "us-east-1"},
    {"resourceId": "req_0000ABCDE"},
    {"subAccountId": "Marketing"},
    {"billingCurrency": "USD"},
]
PAGE_SIZE = 1_000
FAR_PAGE = 5_000
PARTS = ("pages", "readers", "memory", "stream", "tenants")
EXPORT = f"{LIST}/export"
FLOOD = 300
ORDERS = 20


class Server:
    """A running server and what its process holds in memory."""

    def __init__(self, home: Path, port: int, *options: str) -> None:
        command = [sys.executable, "-m", "exporter.cli", "serve", "--home", str(home), *options]
        with (home / "logs" / "serve.log").open("ab") as log:
            self.process = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, stderr=log)
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                httpx.get(f"{self.url}/readyz")
                return
            except httpx.TransportError:
                time.sleep(0.1)
        raise SystemExit("The server does not answer.")

    def memory(self, name: str = "VmRSS") -> int:
        """Megabytes that the process holds (VmRSS), or held at most (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) // 1024


def find_tokens(home: Path, filters: dict[str, str], rows: list[int]) -> list[str | None]:
    """Make the page tokens that stand behind the given numbers of rows, as the server writes them.

    To walk there page by page would take thousands of requests.
    """
    service = Service(Home(home))
    try:
        query = read_query(LOCAL, "cost-and-usage", filters)
        with service.builds.current() as build, build.cursor() as cursor:
            extract = service._extract(cursor, query.selection)
            measure = extract.measure()
            tokens: list[str | None] = []
            for row in rows:
                wanted = min(row, (measure.rows - 1) // PAGE_SIZE * PAGE_SIZE)
                if wanted <= 0:
                    tokens.append(None)
                    continue
                place = max(
                    (i for i, before in enumerate(measure.before) if before < wanted), default=0
                )
                # no key is an empty text, so that this stands before the mark's first row
                after = (str(measure.moments[place]), "")
                part = extract.read(measure, after, wanted - measure.before[place])
                token = PageToken(
                    build_id=build.key,
                    dataset="cost-and-usage",
                    focus_version=query.selection.focus_version,
                    filters=query.filters,
                    page_size=PAGE_SIZE,
                    after=part.last or after,
                    identity=LOCAL.identity,
                    expires=int(time.time()) + 86_400,
                )
                tokens.append(write_page_token(service.secret, token))
            return tokens
    finally:
        service.close()


def time_requests(client: httpx.Client, parameters: dict[str, str], times: int) -> list[float]:
    """Milliseconds of so many requests, each answered with 200."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        client.get(LIST, params=parameters).raise_for_status()
        found.append((time.perf_counter() - started) * 1000)
    return found


def percentiles(milliseconds: list[float]) -> dict[str, float]:
    """Give the median and the 95th percentile."""
    ranked = sorted(milliseconds)
    return {
        "p50_ms": round(statistics.median(ranked), 1),
        "p95_ms": round(ranked[min(len(ranked) - 1, int(len(ranked) * 0.95))], 1),
    }


def measure_pages(server: Server, home: Path, times: int) -> list[dict[str, object]]:
    """Time the totals, page 1 and page 5,000 of each filter."""
    figures: list[dict[str, object]] = []
    with httpx.Client(base_url=server.url, timeout=600) as client:
        for filters in FILTERS:
            started = time.perf_counter()
            first = client.get(LIST, params={**filters, "pageSize": "1"}).json()
            totals = time.perf_counter() - started
            [token] = find_tokens(home, filters, [(FAR_PAGE - 1) * PAGE_SIZE])
            near = percentiles(time_requests(client, filters, times))
            far = percentiles(time_requests(client, {"pageToken": token}, times)) if token else near
            figures.append(
                {
                    "filters": filters,
                    "rows": first["totals"]["rows"],
                    "totals_seconds": round(totals, 2),
                    "page_1": near,
                    "far_page": far,
                    "far_to_near": round(far["p95_ms"] / near["p95_ms"], 2),
                }
            )
            print(json.dumps(figures[-1]), file=sys.stderr)
    return figures


def read_at_once(
    server: Server, tokens: list[str | None], readers: int, requests: int, size: int
) -> dict[str, object]:
    """Let many readers ask for pages all over the rows until so many requests are made."""
    left = [requests]
    lock = threading.Lock()
    failures: list[str] = []

    def read(number: int) -> None:
        dice = random.Random(number)
        with httpx.Client(base_url=server.url, timeout=600) as client:
            while True:
                with lock:
                    if left[0] <= 0:
                        return
                    left[0] -= 1
                token = dice.choice(tokens)
                parameters = {"pageSize": str(size), **({"pageToken": token} if token else {})}
                try:
                    client.get(LIST, params=parameters).raise_for_status()
                except httpx.HTTPError as error:
                    failures.append(repr(error))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(readers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    return {
        "readers": readers,
        "requests": requests,
        "rows_a_page": size,
        "errors": len(failures),
        "requests_a_second": round(requests / seconds, 1),
        "memory_mb": server.memory(),
    }


def measure_stream(server: Server) -> dict[str, object]:
    """Read a file of all rows, keeping nothing of it."""
    started = time.perf_counter()
    received, first = 0, 0.0
    url = f"{server.url}/api/exports/focus?focusVersion=1.3"
    with httpx.stream("GET", url, timeout=600) as response:
        response.raise_for_status()
        for chunk in response.iter_raw(1 << 20):
            first = first or time.perf_counter() - started
            received += len(chunk)
    return {
        "seconds": round(time.perf_counter() - started, 1),
        "seconds_to_first_byte": round(first, 1),
        "bytes": received,
        "peak_memory_mb": server.memory("VmHWM"),
    }


def bearer(name: str) -> dict[str, str]:
    """Give the header of one of the two tokens."""
    return {"Authorization": f"Bearer {name}-token"}


def flood(url: str, seconds: float) -> None:
    """Order files, and send many different requests at once, again when all are answered."""

    async def run() -> None:
        limits = httpx.Limits(max_connections=FLOOD)
        groups = ["day", "month", "subAccountId", "modelId", "providerName", "day,modelId"]
        async with httpx.AsyncClient(
            base_url=url, headers=bearer("flood"), timeout=600, limits=limits
        ) as client:
            for _ in range(ORDERS):
                await client.post(EXPORT, json={})
            until, number, statuses = time.monotonic() + seconds, 0, dict[int, int]()
            while time.monotonic() < until:
                asked = []
                for _ in range(FLOOD // 3):
                    # no two are the same, so that nothing is kept of them
                    number += 1
                    day = f"2026-10-{number % 28 + 1:02d}T00:00:{number // 28 % 60:02d}Z"
                    start = {"chargePeriodStart": day}
                    sums = {**start, "groupBy": groups[number % len(groups)]}
                    page = {**FILTERS[number % len(FILTERS)], "pageSize": "1000"}
                    asked += [
                        client.get(LIST, params=page),
                        client.get("/api/spend", params=sums),
                        client.get("/api/spend/charges", params={**start, "pageSize": "1000"}),
                    ]
                for answer in await asyncio.gather(*asked):
                    statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            print(json.dumps({"flood": statuses}), file=sys.stderr)

    asyncio.run(run())


def moment(text: str) -> int:
    """Read a moment, as seconds."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


def share(home: Path, port: int, seconds: float) -> dict[str, object]:
    """Time one token's page of one row and its order while another one floods the server."""
    with tempfile.TemporaryDirectory() as folder:
        tokens = [
            {"name": name, "sha256": hashlib.sha256(f"{name}-token".encode()).hexdigest()}
            for name in ("flood", "other")
        ]
        file = Path(folder) / "tokens.json"
        file.write_text(json.dumps({"tokens": tokens}))
        server = Server(home, port, "--tokens", str(file), "--rate", "0")
        try:
            process = multiprocessing.Process(target=flood, args=(server.url, seconds))
            process.start()
            with httpx.Client(base_url=server.url, headers=bearer("other"), timeout=600) as client:
                # all orders of the flood stand before it
                waiting = f'focus_jobs{{state="queued"}} {ORDERS - 1}'
                while waiting not in client.get("/metrics").text:
                    time.sleep(0.1)
                route = client.post(EXPORT, json={}).raise_for_status().headers["location"]
                taken = list[float]()
                while process.is_alive():
                    taken += time_requests(client, {"pageSize": "1"}, 1)
                    time.sleep(0.1)
                job = client.get(route).json()
            process.join()
            started = job["startedAt"] and moment(job["startedAt"]) - moment(job["createdAt"])
            return {
                "requests": len(taken),
                **percentiles(taken),
                "most_ms": round(max(taken), 1),
                "first_ms": round(taken[0], 1),
                "order_starts_after_seconds": started,
                "order": job["state"],
                "peak_memory_mb": server.memory("VmHWM"),
            }
        finally:
            server.process.terminate()
            server.process.wait()


def measure(home: Path, port: int, parts: list[str], times: int) -> dict[str, object]:
    """Run the parts, each with a server of its own, and return the figures."""
    figures: dict[str, object] = {}
    tokens = find_tokens(home, {}, [number * 97_000 for number in range(100)])
    for part in parts:
        if part == "tenants":
            figures[part] = share(home, port, 60)
            continue
        server = Server(home, port)
        try:
            if part == "pages":
                figures[part] = measure_pages(server, home, times)
            elif part == "readers":
                figures[part] = read_at_once(server, tokens, 50, 1_000, PAGE_SIZE)
            elif part == "memory":
                figures[part] = [read_at_once(server, tokens, 4, 1_000, 100) for _ in range(10)]
            else:
                figures[part] = measure_stream(server)
        finally:
            server.process.terminate()
            server.process.wait()
    return figures


def main() -> None:
    """Parse the arguments, build where needed, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=4_000_000)
    parser.add_argument("--home", type=Path, help="a home with a build, or one to build")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--times", type=int, default=40, help="requests of each page")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = (arguments.home or Path(temporary) / "home").resolve()
        if not (home / "ai_focus.duckdb").exists():
            write_calls(arguments.calls, Path(temporary))
            raw = str(Path(temporary) / "raw")
            build = [sys.executable, "-m", "exporter.cli", "build", "--home", str(home)]
            run_command(*build, "--raw-dir", raw)
        figures = measure(home, arguments.port, arguments.only, arguments.times)
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
