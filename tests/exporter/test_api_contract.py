"""The OpenAPI document and the server agree: schemathesis makes requests from one to the other."""

from __future__ import annotations

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
from exporter.api.service import Service

# more on demand: the whole is a matter of minutes
EXAMPLES = int(os.environ.get("AI_FOCUS_CONTRACT_EXAMPLES", "20"))
TOKEN = "contract"


@pytest.fixture(scope="module")
def schema(demo_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    service = Service(copy_home(demo_home, tmp_path_factory.mktemp("contract") / "home"))
    try:
        app = create_app(service, Authenticator(token=TOKEN), rate=0)
        yield schemathesis.openapi.from_asgi("/openapi.json", app)
    finally:
        service.close()


def lies_between_parameters(case: schemathesis.Case, response: schemathesis.Response) -> bool:
    """Tell of a refusal whether its reason is one that no schema of a parameter can state."""
    if response.status_code != 400:
        return False
    faults = [fault["parameter"] for fault in response.json()["errors"]]
    # a signature, two moments in order, a dataset that a version does not have
    pairs = {
        "billingPeriodEnd": "billingPeriodStart",
        "chargePeriodEnd": "chargePeriodStart",
        "to": "from",
        "dataset": "focusVersion",
    }
    return all(name == "pageToken" or pairs.get(name) in case.query for name in faults)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_the_server_keeps_to_its_document(schema: BaseSchema, mode: GenerationMode) -> None:
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not len(operation.query):
            # nothing can be wrong with what has no parameters
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
            excluded = [positive_data_acceptance] if lies_between_parameters(case, response) else []
            case.validate_response(response, excluded_checks=excluded)

        check()
        tried += 1
    assert tried >= 4
