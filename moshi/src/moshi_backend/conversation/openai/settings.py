"""The settings of a Realtime session, and when the session begins.

Clients send their settings in several messages, some of them after the first audio: LiveKit sends the role in its
second `session.update`, and Pipecat sends all settings after its first audio.
"""

import math
import time
from collections.abc import Mapping

from moshi_backend.conversation.openai import choices
from moshi_backend.conversation.openai.choices import Choice, Offer
from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.conversation.outbox import End
from moshi_backend.conversation.session import Session
from moshi_backend.errors import openai as errors
from moshi_service.protocol.openai import realtime as api
from moshi_service.protocol.openai.common import VoiceId, new_id
from moshi_service.protocol.wire import CloseCode

QUIET_SECONDS = 0.3
"""The session begins so long after the last `session.update`."""

LATEST_SECONDS = 2.0
"""The session begins so long after the first audio in any case."""

AUDIO_SECONDS = 60.0
"""Seconds in which a client must send its first audio."""


class RealtimeSettings:
    """Times are seconds of `time.monotonic`."""

    def __init__(self, offer: Offer, query: Mapping[str, str], now: float) -> None:
        self._offer = offer
        self._query = dict(query)
        self._strict = query.get("strict") == "1"
        self._deadline = now + AUDIO_SECONDS
        self._updated = -math.inf
        self._first_audio: float | None = None
        self._instructions: str | None = None
        self._voice: str | VoiceId | None = None
        self._roles: list[str] = []
        self._session: Session | None = None
        self._id = new_id("sess")
        self._expires_at = self._expiry()

    def check_model(self) -> None:
        """
        Raises:
            ApiError: the URL names another model.
        """
        choices.check_model(self._query.get("model"), self._offer)

    def update(self, event: api.SessionUpdate, now: float) -> None:
        """Take a client's settings. Those that come after the beginning change nothing.

        Raises:
            ApiError: a setting is not possible. Nothing is taken of the message.
        """
        asked = event.session
        voice = asked.audio.output.voice or asked.voice or self._voice
        instructions = self._instructions if asked.instructions is None else asked.instructions
        query = dict(self._query)
        if asked.temperature is not None:
            query["text_temperature"] = str(asked.temperature)
        try:
            self._check(asked)
            if self._session is None:
                role = choices.joined(instructions, *self._roles)
                choices.resolve(query, self._offer, voice, role, strict=self._strict)
        except ApiError as error:
            error.event_id = event.event_id
            raise
        if self._session is None:
            self._voice, self._instructions, self._query = voice, instructions, query
            self._updated = now

    def add_role(self, event: api.ItemCreate) -> bool:
        """A message of the system or the developer before the beginning is a part of the role, if the model takes one.
        Returns whether the model will read it.

        Raises:
            ApiError: the role is not possible with this part.
        """
        item = event.item
        if (
            self._session is not None
            or self._offer.catalogue.texts == "off"
            or not (item.is_role and item.text.strip())
        ):
            return False
        roles = [*self._roles, item.text]
        try:
            choices.resolve(self._query, self._offer, self._voice, choices.joined(self._instructions, *roles))
        except ApiError as error:
            error.event_id = event.event_id
            raise
        self._roles = roles
        return True

    def heard(self, now: float) -> None:
        """The client sent audio."""
        if self._first_audio is None:
            self._first_audio = now

    def due(self) -> float:
        """See `OpenAIWire.due`."""
        if self._first_audio is None:
            return self._deadline
        return min(max(self._first_audio, self._updated + QUIET_SECONDS), self._first_audio + LATEST_SECONDS)

    def look(self, now: float) -> Choice | End | None:
        """See `OpenAIWire.look`."""
        if now < self.due():
            return None
        if self._first_audio is None:
            return End(CloseCode.IDLE, errors.no_first_audio(AUDIO_SECONDS))
        return self._choice()

    def attach(self, session: Session) -> None:
        """The session begins with its choice."""
        self._session = session
        self._expires_at = self._expiry()

    def begin(self) -> None:
        """The session's time starts now, after its wait."""
        self._expires_at = self._expiry()

    @property
    def voice(self) -> str:
        """The name of the voice in effect."""
        persona = self._session.persona if self._session else self._choice().persona
        return persona.voice or choices.DEFAULT_VOICE

    def described(self) -> api.Session:
        """The settings in effect."""
        persona = self._session.persona if self._session else self._choice().persona
        return api.Session(
            id=self._id,
            model=self._offer.model,
            instructions=persona.text,
            audio=api.SessionAudio(output=api.SessionOutput(voice=persona.voice or choices.DEFAULT_VOICE)),
            expires_at=self._expires_at,
        )

    def _check(self, asked: api.SessionSettings) -> None:
        choices.check_model(asked.model, self._offer)
        if asked.type != "realtime":
            raise ApiError("unsupported_parameter", errors.session_type_unknown(asked.type[:40]), param="session.type")
        for format_ in asked.formats:
            choices.check_format(format_, "session.audio")
        if (modalities := asked.output_modalities or asked.modalities) and "audio" not in modalities:
            raise ApiError(
                "unsupported_parameter",
                errors.always_speaks(),
                param="session.output_modalities",
            )
        choices.check_store(asked.store)
        if self._strict:
            choices.check_strictly(asked.ignored())

    def _choice(self) -> Choice:
        role = choices.joined(self._instructions, *self._roles)
        return choices.resolve(self._query, self._offer, self._voice, role)

    def _expiry(self) -> int:
        return round(time.time() + (self._offer.lifetime or choices.FOR_EVER_SECONDS))
