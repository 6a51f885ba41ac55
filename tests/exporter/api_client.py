"""What the API's tests share: tokens, a client, a server in a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
from charges_table import store_charges
from conftest import ROOT, environment
from starlette.testclient import TestClient

from exporter.api.app import create_app
from exporter.api.auth import Authenticator
from exporter.api.service import Service
from exporter.home import Home

LIST = "/focus/v1/cost-and-usage"
COMMITMENTS = "/focus/v1/contract-commitments"
SCHEMA = "/focus/v1/schema"
FILE = "/api/exports/focus"


def write_tokens(file: Path, tokens: dict[str, dict[str, Any]]) -> Path:
    """Write a token file; each token is its name followed by -token."""
    entries = [
        {"name": name, "sha256": hashlib.sha256(f"{name}-token".encode()).hexdigest(), **scope}
        for name, scope in tokens.items()
    ]
    file.write_text(json.dumps({"tokens": entries}), encoding="utf-8")
    return file


def bearer(name: str) -> dict[str, str]:
    """Give the header of a token that write_tokens wrote."""
    return {"Authorization": f"Bearer {name}-token"}


@contextlib.contextmanager
def open_client(
    home: Path, tokens: Path | None = None, token: str = "", rate: int = 0
) -> Iterator[TestClient]:
    """Give a client of an application in this process, on a copy of the home's build."""
    with tempfile.TemporaryDirectory() as folder:
        # a process opens a file with one configuration only, and each application has its own
        service = Service(copy_home(home, Path(folder) / "home"))
        try:
            app = create_app(service, Authenticator(tokens, token), rate=rate)
            with TestClient(app, base_url="http://127.0.0.1") as client:
                yield client
        finally:
            service.close()


def copy_home(home: Path, target: Path) -> Home:
    """Make a home with the published build of another one, if that has one."""
    target.mkdir(parents=True)
    if (home / "ai_focus.duckdb").exists():
        folder = (home / "ai_focus.duckdb").resolve().parent
        shutil.copytree(folder, target / "builds" / folder.name)
        (target / "ai_focus.duckdb").symlink_to(f"builds/{folder.name}/ai_focus.duckdb")
    return Home(target)


def publish(home: Home, name: str, seed: Home, rows: int) -> None:
    """Publish a build as `focus-export build` does: a new folder, then the link in one step."""
    folder = home.builds / name
    shutil.copytree(seed.database.resolve().parent, folder)
    with duckdb.connect(str(folder / "ai_focus.duckdb")) as connection:
        store_charges(connection)
        connection.execute(
            "delete from int_charges where rowid not in"
            f" (select rowid from int_charges order by charge_period_start limit {rows})"
        )
        connection.execute("force checkpoint")
    (folder / "build.json").write_text(
        json.dumps({"build_id": name, "finished_at": "2026-11-01T00:00:00Z"})
    )
    link = home.path / ".new"
    link.symlink_to(f"builds/{name}/ai_focus.duckdb")
    link.replace(home.database)


def read_all(client: TestClient, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """Follow the page tokens to the end."""
    pages = []
    headers = parameters.pop("headers", None)
    while True:
        response = client.get(path, params=parameters, headers=headers)
        assert response.status_code == 200, response.text
        pages.append(response.json())
        if pages[-1]["nextPageToken"] is None:
            return pages
        parameters["pageToken"] = pages[-1]["nextPageToken"]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A running `focus-export serve`."""

    def __init__(
        self, home: Path, *options: str | Path, variables: dict[str, str], port: int | None = None
    ) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home / "serve.log"
        arguments = ["--port", str(self.port), *map(str, options)]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "exporter.cli", "serve", "--home", str(home), *arguments],
                stderr=log,
                stdout=subprocess.DEVNULL,
                env={**environment(), **variables},
                cwd=ROOT,
                # a group of its own, as a terminal makes one
                start_new_session=True,
            )

    def wait(self) -> None:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/healthz").status_code == 200:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@contextlib.contextmanager
def serve(
    home: Path,
    *options: str | Path,
    variables: dict[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Server]:
    """Run a server until the block ends."""
    server = Server(home, *options, variables=variables or {}, port=port)
    try:
        server.wait()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(30)
