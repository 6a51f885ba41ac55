"""The web application: routes, gate, problem documents, OpenAPI and its page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from exporter.api import openapi
from exporter.api.answers import COVERAGE_HEADERS
from exporter.api.auth import Authenticator
from exporter.api.datasets import API_DATASETS
from exporter.api.jobs.orders import Jobs
from exporter.api.metrics import Metrics
from exporter.api.middleware import Gate
from exporter.api.problems import problem_handlers
from exporter.api.rate_limit import RateLimit
from exporter.api.routes.jobs import job_components, make_job_router
from exporter.api.routes.lists import make_router
from exporter.api.routes.spend import make_spend_router
from exporter.api.service import Service
from exporter.api.transfer import Transfer
from exporter.project import load_project, tool_version

RATE = 600
PREFIX = "/focus/v1"
_UNPREFIXED = {"schema", *(entry.path for entry in API_DATASETS.values() if entry.path)}
_NOTHING_HERE = {
    "not-found": "There is nothing at this path; /docs lists what there is.",
    "method-not-allowed": "The method is not allowed at this path; /docs lists what there is.",
}
# the page of the OpenAPI document begins with a script of its own
_DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)

_ABOUT = """\
FOCUS Cost and Usage and Contract Commitment of AI usage, as `focus-export` builds them.

Amounts in rows are exact decimals: read them as decimals, not as binary floating point. Totals are
decimal text. A page token goes on reading the build that the first page came from.
"""


def create_app(
    service: Service,
    authenticator: Authenticator | None = None,
    *,
    rate: int | RateLimit = RATE,
    metrics: Metrics | None = None,
    jobs: Jobs | None = None,
    cors_origins: Sequence[str] = (),
    public_url: str | None = None,
) -> FastAPI:
    """Make the application; `rate` is requests a minute and token, 0 for any number.

    `public_url` is as in Gate. Whoever gives `jobs` starts and closes them. Without, there are no
    routes of jobs.
    """
    metrics = metrics or Metrics()
    metrics.waiting.set_function(service.count_waiting)
    middleware = [
        Middleware(
            Gate,
            authenticator=authenticator or Authenticator(),
            rate=rate if isinstance(rate, RateLimit) else RateLimit(rate),
            metrics=metrics,
            origins=cors_origins,
            public_url=public_url,
        ),
        Middleware(_Prefixed),
        Middleware(Transfer),
    ]
    if cors_origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"],
            expose_headers=[
                *("X-Request-Id", "Retry-After", "Content-Disposition", "ETag", "Link"),
                *COVERAGE_HEADERS,
            ],
        )
        # outside of the gate, so that a refusal can be read by the page that asked
        middleware.insert(0, cors)
    app = FastAPI(
        title="ai-focus",
        version=tool_version(),
        description=_ABOUT,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=middleware,
        exception_handlers=problem_handlers(_NOTHING_HERE),
        redirect_slashes=False,
    )
    project = load_project()
    app.state.service = service
    app.state.metrics = metrics
    app.include_router(make_router(service, project, metrics))
    app.include_router(make_spend_router(service, project, metrics))
    components = openapi.components(project)
    if jobs is not None:
        app.include_router(make_job_router(jobs))
        components["schemas"].update(job_components())
    # relative to the document, which may lie behind a proxy's prefix
    _add_documents(app, components, (public_url or ".").removesuffix("/"))
    _add_page(app)
    return app


class _Prefixed:
    """Answers the FOCUS capability's REST paths, which have no prefix, as those under /focus/v1."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"][1:].partition("/")[0] in _UNPREFIXED:
            # in place: the gate, which logs the route, finds it in the same scope
            scope["path"] = f"{PREFIX}{scope['path']}"
            scope["raw_path"] = scope["path"].encode()
        await self._app(scope, receive, send)


def _add_documents(app: FastAPI, components: dict[str, Any], server: str) -> None:
    """Add /openapi.json and /docs, whose files lie here, so that nothing is loaded from afar."""

    def describe() -> dict[str, Any]:
        if not app.openapi_schema:
            document = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
                servers=[{"url": server}],
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            described = document.setdefault("components", {})
            for part, entries in components.items():
                described.setdefault(part, {}).update(entries)
            app.openapi_schema = document
        return app.openapi_schema

    async def read_document() -> Response:
        import json

        return Response(
            json.dumps(app.openapi(), ensure_ascii=False), media_type="application/json"
        )

    async def read_docs() -> Response:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title="ai-focus API",
            swagger_js_url="docs/swagger-ui-bundle.js",
            swagger_css_url="docs/swagger-ui.css",
            swagger_favicon_url="docs/favicon.png",
            # the badge of a remote validator
            swagger_ui_parameters={"validatorUrl": None, "deepLinking": True},
        )
        page.headers["Content-Security-Policy"] = _DOCS_POLICY
        return page

    app.openapi = describe  # type: ignore[method-assign]
    app.add_api_route("/openapi.json", read_document, include_in_schema=False)
    app.add_api_route("/docs", read_docs, include_in_schema=False)
    static = files("fastapi_offline") / "static"
    app.mount("/docs", StaticFiles(directory=str(static)), name="docs")


def _add_page(app: FastAPI) -> None:
    """Add the page for people; its files hold no data, so they need no token."""
    static = files("exporter.api") / "static"

    async def read_page() -> Response:
        return FileResponse(str(static / "index.html"))

    app.add_api_route("/", read_page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=str(static)), name="static")
