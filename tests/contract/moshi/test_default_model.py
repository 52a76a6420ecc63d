"""The model that the service has when nobody names one: the demo, which talks and listens in turn."""

import json
from collections.abc import Iterator
from importlib import resources

import numpy as np
import pytest

from loadtest.client import converse, encode
from support.services import Service, running_moshi

pytestmark = pytest.mark.anyio

RATE = 24_000
SECONDS = 8.0
"""Long enough for the greeting, which takes about five."""


@pytest.fixture(scope="module")
def moshi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_moshi(tmp_path_factory.mktemp("moshi"), {"MOSHI_MODEL": "demo", "MOSHI_SLOTS": "1"}) as service:
        yield service


def test_the_service_says_that_it_is_the_demo_and_samples_as_its_configuration_says(moshi: Service) -> None:
    info = moshi.get("/api/info").json()
    assert info["model"] == {"id": "demo", "revision": None, "demo": True}
    config = json.loads((resources.files("moshi_backend") / "demo" / "config.json").read_text())
    defaults = {name: setting["default"] for name, setting in info["settings"].items()}
    sampling = config["lm_gen_config"]
    assert (defaults["audio_temperature"], defaults["audio_topk"]) == (sampling["temp"], sampling["top_k"])
    assert (defaults["text_temperature"], defaults["text_topk"]) == (sampling["temp_text"], sampling["top_k_text"])


async def test_it_greets_who_is_silent_in_sound_and_words_and_then_listens(moshi: Service) -> None:
    talk = await converse(moshi.chat, encode(np.zeros(round(SECONDS * RATE), np.float32)))
    assert len(talk.text.split()) >= 5
    loudness = np.sqrt((talk.samples()[: round((SECONDS - 0.5) * RATE)].reshape(-1, RATE // 2) ** 2).mean(axis=1))
    assert loudness.max() > 0.02
    assert loudness.min() < loudness.max() / 20
