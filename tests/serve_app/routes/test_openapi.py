"""The OpenAPI document, and the application against it: whatever fits or breaks the document is
answered as documented and never with a 5xx."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from tests.lazily import Lazily
from tests.serve_app.api_harness import Api, bearer

schemathesis: Any = Lazily("schemathesis")
openapi: Any = Lazily("schemathesis.specs.openapi.checks")

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "6"))
"""Requests that fit the document, and again as many that break it, for each operation."""
SECONDS_BETWEEN = 60.0
"""By the clock of the application, so that its limits do not end the run."""


def checks() -> list[Any]:
    """All but `positive_data_acceptance`: a schema cannot say which text can be pronounced."""
    return [
        schemathesis.checks.not_a_server_error,
        openapi.status_code_conformance,
        openapi.content_type_conformance,
        openapi.response_headers_conformance,
        openapi.response_schema_conformance,
        openapi.negative_data_rejection,
        openapi.ignored_auth,
        openapi.missing_required_header,
        openapi.unsupported_method,
    ]


OPERATIONS = [
    (method, path)
    for path, methods in {
        "/api/sign-up": "POST",
        "/api/sign-in": "POST",
        "/api/sign-in/link": "POST",
        "/api/sign-out": "POST",
        "/api/sessions": "GET DELETE",
        "/api/sessions/{session_id}": "DELETE",
        "/api/me": "GET",
        "/api/credits": "GET",
        "/api/keys": "GET POST",
        "/api/keys/{key_id}": "DELETE",
        "/api/services": "GET",
        "/api/status": "GET",
        "/api/uploads": "POST",
        "/api/uploads/{upload_id}": "GET DELETE",
        "/api/voices": "GET POST",
        "/api/voices/{voice_id}": "PATCH DELETE",
        "/api/voices/{voice}/sample": "GET",
        "/api/speech": "POST",
        "/api/conversions": "POST",
        "/api/sound-effects": "POST",
        "/api/clips": "GET",
        "/api/clips/{clip_id}": "GET DELETE",
        "/api/clips/{clip_id}/events": "GET",
        "/api/clips/{clip_id}/audio": "GET",
        "/api/clips/{clip_id}/peaks": "GET",
        "/api/clips/{clip_id}/words": "GET",
        "/api/clips/{clip_id}/captions.srt": "GET",
        "/api/clips/{clip_id}/captions.vtt": "GET",
        "/api/batches": "GET POST",
        "/api/batches/{batch_id}": "GET DELETE",
        "/api/batches/{batch_id}/results": "GET",
        "/api/batches/{batch_id}/errors": "GET",
        "/api/batches/{batch_id}/events": "GET",
    }.items()
    for method in methods.split()
]


TAKES_NOTHING = {"/api/sign-up", "/api/sign-in", "/api/sign-in/link"}
TAKES_A_SESSION = {"/api/keys", "/api/keys/{key_id}", "/api/sessions/{session_id}"}
"""Everywhere else a key serves, which signing out does not end."""


def test_openapi_documents_every_operation(sqlite_api: Api) -> None:
    document = sqlite_api.client.get("/openapi.json").json()
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found.append((method.upper(), path))
            assert operation["summary"]
            assert {"500", "503"} < set(operation["responses"])
            assert ("security" in operation) == (path not in TAKES_NOTHING)
    assert sorted(found) == sorted(OPERATIONS)


@pytest.fixture(scope="module")
def asked(request: pytest.FixtureRequest) -> Iterator[Counter[int]]:
    """How many answers of each status there were, told at the end where many were asked for."""
    statuses: Counter[int] = Counter()
    yield statuses
    if "FUZZ_EXAMPLES" in os.environ:
        counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(f"\n{statuses.total()} requests, answered with {counts}")


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    """What was read of the first application: the document is the same for all."""
    return {}


@pytest.fixture
def document(read: dict[str, Any], api: Api) -> Any:
    read.update({} if read else api.client.get("/openapi.json").json())
    document = schemathesis.openapi.from_dict(read)
    document.app = api.app
    return document


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_match_openapi(
    api: Api, document: Any, asked: Counter[int], method: str, path: str, mode: str
) -> None:
    headers = api.sign_up()
    if path not in TAKES_A_SESSION:
        headers = bearer(api.create_key(headers)["key"])
    operation = document[path][method]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def answers_as_documented(case: Any) -> None:
        api.now += SECONDS_BETWEEN
        asked[case.call_and_validate(headers=headers, checks=checks()).status_code] += 1

    try:
        answers_as_documented()
    except Unsatisfiable:
        pytest.skip("Nothing about this operation can be got wrong.")
