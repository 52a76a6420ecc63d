"""Wires of OpenAI's APIs without a socket and without a model, and the SDK's classes for every event."""

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from openai.types.live.server_event import ServerEvent as LiveEvent
from openai.types.realtime.realtime_server_event import RealtimeServerEvent as RealtimeEvent
from pydantic import TypeAdapter

from moshi_backend.conversation.openai.choices import Choice, Offer
from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.conversation.openai.live import LiveWire
from moshi_backend.conversation.openai.opening import OpenAIWire
from moshi_backend.conversation.openai.realtime import RealtimeWire
from moshi_backend.conversation.outbox import End, Item
from moshi_backend.conversation.session import Session
from moshi_backend.conversation.wire import Heard
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from moshi_backend.personas.catalogue import Catalogue
from support.personas import catalogue, voice

FRAME_SIZE = 1920
WORDS = [b"", b" hm", b" yes"]
SDK: dict[type, TypeAdapter[Any]] = {LiveWire: TypeAdapter(LiveEvent), RealtimeWire: TypeAdapter(RealtimeEvent)}

type Json = dict[str, Any]


def audio(seconds: float, value: int = 1000) -> str:
    """Samples of one value, as clients send them."""
    return base64.b64encode(np.full(round(seconds * 24_000), value, "<i2").tobytes()).decode()


def frame(level: float = 0.0, token: int = 0) -> Frame:
    """A frame of the model: a sound of this level, and a word of WORDS."""
    return Frame(np.full(FRAME_SIZE, level, np.float32), (token,))


def offer(catalogue_: Catalogue | None = None, lifetime: float = 1800.0) -> Offer:
    sampling = SamplingParams(TokenSampling(0.7, 25, 1), TokenSampling(0.8, 250, 2))
    return Offer("kyutai/moshika", catalogue_ or catalogue(voice("anna"), voice("ben")), sampling, lifetime)


class Client:
    """A client of one wire. Every event that it gets is checked against the SDK's classes."""

    def __init__(
        self,
        new: Callable[[BatchedModel, Offer, Mapping[str, str], float], OpenAIWire],
        query: Mapping[str, str] | None = None,
        offered: Offer | None = None,
    ) -> None:
        model = cast("BatchedModel", SimpleNamespace(frame_size=FRAME_SIZE, vocabulary=WORDS))
        self.now = time.monotonic()
        self.wire = new(model, offered or offer(), query or {}, self.now)
        self.choice: Choice | None = None
        self.session: Session | None = None
        self.close_code: int | None = None
        self._sdk = SDK[type(self.wire)]

    def told(self, *items: Item) -> list[Json]:
        """The events for items of the outbox."""
        messages = [message for item in items for message in asyncio.run(_said(self.wire, item))]
        return self._checked(messages)

    def greeted(self) -> list[Json]:
        return self._answers(self.wire.greet())[0]

    def says(self, type_: str, **fields: Any) -> list[Json]:
        """The answers to an event."""
        return self.hears(json.dumps({"type": type_, **fields}))[0]

    def hears(self, message: str | bytes) -> tuple[list[Json], Heard]:
        """The answers to a message, and what it comes to."""
        heard = asyncio.run(self.wire.hear(message))
        return self._answers(heard)

    def begins(self, after: float = 10.0) -> Choice:
        """The session begins. Raises what the wire does."""
        outcome = self.wire.look(self.now + after)
        assert isinstance(outcome, Choice), outcome
        self.choice = outcome
        self.session = Session(outcome.sampling, outcome.persona)
        self.wire.attach(self.session)
        return outcome

    def refused(self) -> list[Json]:
        """The error of a choice that is not possible."""
        try:
            outcome = self.wire.look(self.now)
        except ApiError as error:
            self.close_code = error.close
            return self._answers(self.wire.fault(error))[0]
        raise AssertionError(outcome)

    def finished(self, end: End) -> list[Json]:
        return self._checked(self.wire.finish(end))

    def _answers(self, heard: Heard) -> tuple[list[Json], Heard]:
        return self.told(*heard.items), heard

    def _checked(self, messages: Sequence[str | bytes]) -> list[Json]:
        for message in messages:
            assert isinstance(message, str)
            self._sdk.validate_json(message)
        return [json.loads(message) for message in messages]


async def _said(wire: OpenAIWire, item: Item) -> Sequence[str | bytes]:
    return await wire.say(item)


def types(events: Sequence[Json]) -> list[str]:
    return [str(event["type"]) for event in events]
