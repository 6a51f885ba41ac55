"""The OpenAPI document and the server agree: schemathesis makes requests from one to the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import schemathesis
from api_client import copy_home
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from shared import examples

from exporter.api.app import create_app
from exporter.api.auth import Authenticator
from exporter.api.jobs.orders import Jobs
from exporter.api.jobs.workers import JobSettings
from exporter.api.service import Service

# more on demand: the whole is a matter of minutes
EXAMPLES = int(os.environ.get("AI_FOCUS_CONTRACT_EXAMPLES", examples(10, 40)))
TOKEN = "contract"
# a parameter that is right or wrong by another one: an order, or what the dataset has
BY_ANOTHER = {
    "billingPeriodEnd": "billingPeriodStart",
    "chargePeriodEnd": "chargePeriodStart",
    "to": "from",
    "dataset": "focusVersion",
    "focusVersion": "dataset",
    "grain": "dataset",
    "safeCsv": "format",
}


@pytest.fixture(scope="module")
def schema(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    home = copy_home(demo_home, tmp_path_factory.mktemp("contract") / "home")
    with (
        closing(Service(home)) as service,
        # without workers: what is asked for is accepted, not made
        closing(Jobs(service, JobSettings(queue=1_000_000))) as jobs,
    ):
        app = create_app(service, Authenticator(token=TOKEN), rate=0, jobs=jobs)
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


def is_beyond_schemas(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Tell of a refusal whether its reason is one that no schema of a parameter can state."""
    if response.status_code in (409, 410):
        return True
    if response.status_code != 400:
        return False
    given = {*case.query, *(case.body if isinstance(case.body, dict) else ())}
    faults = response.json().get("errors", [])
    return bool(faults) and all(
        # a signature, or a filter that the dataset does not have
        fault["parameter"] == "pageToken"
        or "is no parameter here" in fault["detail"]
        or BY_ANOTHER.get(fault["parameter"]) in given
        # of which the flat layout has one
        or (fault["parameter"] == "grain" and "focusVersion" not in given)
        for fault in faults
    )


def is_lost_on_the_way(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Tell whether what is wrong with a request was never sent, as an empty list in a query."""
    wrong = getattr(case.meta and case.meta.phase.data, "parameter", None)
    optional = {it.name for it in case.operation.query if not it.is_required}
    sent = parse_qs(urlsplit(response.request.url).query, keep_blank_values=True)
    return wrong in optional and wrong not in sent


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_server_keeps_to_its_document(schema: BaseSchema, mode: GenerationMode) -> None:
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not len(operation.query) + len(operation.body):
            # nothing can be wrong with what has no parameters, and any text may stand in a path
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case: schemathesis.Case) -> None:
            response = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
            excluded = [positive_data_acceptance] if is_beyond_schemas(case, response) else []
            if is_lost_on_the_way(case, response):
                excluded.append(negative_data_rejection)
            case.validate_response(response, excluded_checks=excluded)

        check()
        tried.append(f"{operation.method} {operation.path}")
    export = "/focus/v1/cost-and-usage/export"
    assert {f"post {export}", "get /api/spend", "post /api/spend/export"} < {*tried}
    assert {"get /focus/v1/cost-and-usage", "get /api/exports/focus"} < {*tried}
    if mode is GenerationMode.POSITIVE:
        assert {f"get {export}/{{jobId}}", f"delete {export}/{{jobId}}"} < {*tried}
        assert any(name.startswith("get /downloads/") for name in tried)
