"""Anything at all, at the protocol, the audio and the HTTP interfaces. `tools/fuzzing.py` does it for minutes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzzing import Mutations, fuzz
from loadtest.client import converse, encode, noise
from moshi_backend.conversation.opus import NotOpus, OpusCodec
from support.chatting import slots_become
from support.services import Service

pytestmark = pytest.mark.alone

REFERENCE = Path(__file__).parents[3] / "docs/reference"


PAGES = encode(noise(1.0))


@given(
    st.lists(st.one_of(st.binary(max_size=400), st.sampled_from(PAGES).map(lambda page: page[1:])), max_size=8),
    st.data(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_sent_as_audio_is_frames_or_not_opus(chunks: list[bytes], data: st.DataObject) -> None:
    """Whole pages, pages cut anywhere, and noise: frames of 1920 finite samples, or the one error."""

    async def decode() -> None:
        codec = OpusCodec(pool, 24_000, 1920)
        for chunk in chunks:
            cut = data.draw(st.integers(0, len(chunk)))
            for part in (chunk[:cut], chunk[cut:]):
                try:
                    frames = await codec.decode(part)
                except NotOpus:
                    return
                assert all(frame.shape == (1920,) for frame in frames)

    with ThreadPoolExecutor(1) as pool:
        asyncio.run(decode())


@pytest.mark.anyio
async def test_no_sequence_of_messages_harms_the_service(services: dict[str, Service]) -> None:
    moshi = services["moshi"]
    mutations = Mutations(PAGES, seed=1)
    outcome = await fuzz(moshi.chat, mutations, connections=60, at_once=3)
    assert outcome.hung == 0
    assert set(outcome.codes) <= {1000, 1006, 1007, 1009, 1013, 4001}
    assert outcome.codes[1007] > 0
    assert "Traceback" not in moshi.log.read_text()
    await slots_become(moshi, 0, seconds=5)
    assert (await converse(moshi.chat, encode(noise(0.5)))).heard


@pytest.mark.parametrize("name", ["moshi", "frontend"])
def test_the_http_interface_answers_as_it_is_described(name: str, services: dict[str, Service]) -> None:
    service = services[name]
    schema = schemathesis.openapi.from_path(str(REFERENCE / f"openapi-{name}.json"))
    schema.config.update(base_url=service.url)
    asked = 0
    for operation in schema.get_all_operations():

        @given(case=operation.ok().as_strategy())  # type: ignore[union-attr]
        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
        def check(case: schemathesis.Case[Any]) -> None:
            case.call_and_validate()

        check()
        asked += 1
    assert asked >= 3
