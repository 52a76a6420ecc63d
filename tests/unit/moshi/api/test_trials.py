"""The answers to upgrades while no conversation can begin, to a client and to a frontend that may try another moshi."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from moshi_backend.api.app import create_app, create_engine, create_manager
from moshi_backend.settings import Settings
from moshi_service.protocol.upgrade import LOAD_HEADER, TRIAL_HEADER, Denial, Load, Trial

API_PATHS = ("/v1/live/sessions", "/v1/realtime")


@pytest.fixture
def moshi(tmp_path: Path) -> TestClient:
    """Its model never loads."""
    settings = Settings(model=str(tmp_path))
    engine = create_engine(settings)
    return TestClient(create_app(settings, engine, create_manager(settings, engine)))


def denied(moshi: TestClient, path: str, headers: dict[str, str]) -> WebSocketDenialResponse:
    with (
        pytest.raises(WebSocketDenialResponse) as denial,
        moshi.websocket_connect(f"ws://localhost{path}", headers=headers),
    ):
        pass
    return denial.value


@pytest.mark.parametrize("trial", Trial)
@pytest.mark.parametrize("path", ["/api/chat", *API_PATHS])
def test_a_frontends_trial_gets_a_denial_and_the_load_on_every_path(path: str, trial: Trial, moshi: TestClient) -> None:
    answer = denied(moshi, path, {TRIAL_HEADER: trial})
    assert answer.status_code == 503
    denial = Denial.model_validate_json(answer.content)
    assert (denial.cause, denial.error) == ("starting", "not-ready")
    assert Load.parse(answer.headers[LOAD_HEADER]) is not None


@pytest.mark.parametrize("path", API_PATHS)
def test_a_program_gets_the_apis_own_error(path: str, moshi: TestClient) -> None:
    answer = denied(moshi, path, {})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_not_ready")
    assert answer.headers["Retry-After"] == "5"
