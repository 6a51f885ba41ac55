"""The routes of the page for people: sums of Cost and Usage, and the rows behind them.

They take more filters than the capability's own list, whose parameters are fixed.
"""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response

from exporter.api import openapi
from exporter.api.answer_examples import page_example, spend_example
from exporter.api.datasets import API_DATASETS
from exporter.api.metrics import Metrics
from exporter.api.principal import Caller
from exporter.api.routes.lists import add_list
from exporter.api.routes.requests import add_get, answer_tagged, read_parameters
from exporter.api.service import Service
from exporter.project import Project

SPEND = "/api/spend"
_DATASET = "cost-and-usage"


def make_spend_router(service: Service, project: Project, metrics: Metrics) -> APIRouter:
    """Make the routes of spend."""
    router = APIRouter()
    entry = API_DATASETS[_DATASET]
    _add_sums(router, service, project)
    add_list(
        router,
        service,
        metrics,
        entry,
        path=f"{SPEND}/charges",
        described=openapi.list_parameters(entry, whole=True),
        example=page_example(entry, project),
        operation_id="listspendcharges",
        summary="The rows that spend is the sum of, page by page.",
        tags=["Spend"],
    )
    return router


def _add_sums(router: APIRouter, service: Service, project: Project) -> None:
    entry = API_DATASETS[_DATASET]
    described = [
        *openapi.filter_parameters(entry, whole=True),
        *openapi.group_parameters(entry),
    ]
    allowed = [parameter["name"] for parameter in described]

    def read(caller: Caller, parameters: dict[str, str]) -> bytes:
        found = service.break_down(caller, entry.name, parameters)
        return json.dumps(found.describe(), ensure_ascii=False).encode()

    async def sum_spend(request: Request) -> Response:
        parameters = read_parameters(request, allowed)
        return await answer_tagged(service, request, read, parameters)

    schema = {"$ref": "#/components/schemas/Spend"}
    example = spend_example(entry, project)
    add_get(
        router,
        SPEND,
        sum_spend,
        parameters=described,
        description="Totals and coverage of all rows that fit, and their sums.",
        content={"application/json": {"schema": schema, "example": example}},
        refusals=("unavailable",),
        operation_id="getspend",
        summary="Exact sums of Cost and Usage per currency, credits apart, by what you choose.",
        tags=["Spend"],
    )
