"""The routes of export jobs answer as their OpenAPI document says, whatever they are asked."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from api_client import copy_home
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import positive_data_acceptance

from exporter.api.app import create_app
from exporter.api.auth import Authenticator
from exporter.api.job_workers import JobSettings
from exporter.api.jobs import Jobs
from exporter.api.service import Service

# more on demand: the whole is a matter of minutes
EXAMPLES = int(os.environ.get("AI_FOCUS_CONTRACT_EXAMPLES", "20"))
TOKEN = "contract"


@pytest.fixture(scope="module")
def schema(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    home = copy_home(demo_home, tmp_path_factory.mktemp("contract") / "home")
    with (
        contextlib.closing(Service(home)) as service,
        # without workers: what is asked for is accepted, not made
        contextlib.closing(Jobs(service, JobSettings(queue=1_000_000))) as jobs,
    ):
        app = create_app(service, Authenticator(token=TOKEN), rate=0, jobs=jobs)
        yield schemathesis.openapi.from_asgi("/openapi.json", app)


def lies_between_parameters(response: schemathesis.Response) -> bool:
    """Tell of a refusal whether its reason is one that no schema of a parameter can state."""
    if response.status_code in (409, 410):
        return True
    # filters and grain go by the dataset, versions too, and two moments have an order
    pairs = {"grain", "focusVersion", "billingPeriodEnd", "chargePeriodEnd"}
    faults = {fault["parameter"] for fault in response.json().get("errors", [])}
    return response.status_code == 400 and all(
        fault in pairs or "is no parameter here" in response.text for fault in faults
    )


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_server_keeps_to_its_document(schema: BaseSchema, mode: GenerationMode) -> None:
    tried = []
    for found in schema.get_all_operations():
        operation = found.ok()
        jobs = ("/focus/v1/cost-and-usage/export", "/api/spend/export", "/downloads/")
        if not operation.path.startswith(jobs):
            continue
        if mode is GenerationMode.NEGATIVE and not len(operation.body) + len(operation.query):
            # any text may stand in a path
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
            excluded = [positive_data_acceptance] if lies_between_parameters(response) else []
            case.validate_response(response, excluded_checks=excluded)

        check()
        tried.append(operation.method)
    is_negative = mode is GenerationMode.NEGATIVE
    orders = ["post", "post"]
    assert sorted(tried) == (["get", *orders] if is_negative else ["delete", "get", "get", *orders])
