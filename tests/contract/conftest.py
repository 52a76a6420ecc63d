from collections.abc import Iterator

import pytest

from support.services import Service, running_frontend, running_moshi


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Service]]:
    """Both services for tests that need no settings but these: a start takes 5 s of a core. They leave no session."""
    folder = tmp_path_factory.mktemp("services")
    settings = {"FRONTEND_ALLOWED_ORIGINS": "https://talk.example", "FRONTEND_ALLOWED_HOSTS": "other.example"}
    with (
        running_moshi(folder, {"MOSHI_SLOTS": "4", "MOSHI_ALLOWED_HOSTS": "talk.example"}) as moshi,
        running_frontend(folder, moshi, settings) as frontend,
    ):
        yield {"moshi": moshi, "frontend": frontend}
