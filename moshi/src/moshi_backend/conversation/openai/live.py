"""The Live API as a wire: continuous audio, and the model's words with their times."""

import time
from collections.abc import Mapping, Sequence

import numpy as np

from moshi_backend.conversation.admission import Place
from moshi_backend.conversation.limits import Notice
from moshi_backend.conversation.openai import choices, pcm
from moshi_backend.conversation.openai.choices import Choice, Offer
from moshi_backend.conversation.openai.errors import END_CODES, OWN_FAULT, ApiError
from moshi_backend.conversation.openai.reading import EventReader
from moshi_backend.conversation.outbox import Begun, Command, End, Item
from moshi_backend.conversation.session import Session
from moshi_backend.conversation.wire import Heard, Message
from moshi_backend.engine.request import PrefillProgress
from moshi_backend.errors import openai as errors
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.text import TextDecoder
from moshi_service.protocol.openai import live as api
from moshi_service.protocol.wire import CloseCode

START_SECONDS = 10.0
"""Seconds in which a client must send `session.start`."""

FRAME_MS = 80


class LiveWire:
    """
    Args:
        query: the parameters of the URL.
        now: seconds of `time.monotonic`.
    """

    fills_gaps = True

    def __init__(self, model: BatchedModel, offer: Offer, query: Mapping[str, str], now: float) -> None:
        self._offer = offer
        self._query = query
        self._strict = query.get("strict") == "1"
        self._deadline = now + START_SECONDS
        self._reader = EventReader(api.CLIENT, "unsupported_event")
        self._pcm = pcm.PcmReader(model.frame_size)
        self._text = TextDecoder(model.vocabulary)
        self._start: api.SessionStart | None = None
        self._choice: Choice | None = None
        self._session: Session | None = None
        self._resource: api.Session | None = None
        self._muted = self._prefilling = False
        self._frames = 0
        self._closing: api.SessionClose | None = None

    def greet(self) -> Heard:
        """See `OpenAIWire.greet`."""
        return Heard()

    def due(self) -> float:
        """See `OpenAIWire.due`."""
        return self._deadline

    def look(self, now: float) -> Choice | End | None:
        """See `OpenAIWire.look`."""
        if self._start is not None:
            self._choice = self._resolve(self._start)
            return self._choice
        if now >= self._deadline:
            return End(CloseCode.IDLE, errors.session_start_late(START_SECONDS))
        return None

    def attach(self, session: Session) -> None:
        """See `OpenAIWire.attach`."""
        self._session = session
        self._resource = self._describe(session)

    def fault(self, error: ApiError) -> Heard:
        """See `OpenAIWire.fault`."""
        detail = api.ErrorDetail(
            type="server_error" if error.close in OWN_FAULT else "invalid_request_error",
            code=error.code,
            message=error.problem.text,
            param=error.param,
            client_event_id=error.event_id,
        )
        event = api.ErrorEvent(error=detail, client_event_id=error.event_id)
        return Heard(items=[Command(event)], end=error.end)

    async def hear(self, message: Message) -> Heard:
        """See `Wire.hear`."""
        try:
            return self._understand(self._reader.read(message))
        except ApiError as error:
            return self.fault(error)

    async def say(self, item: Item) -> Sequence[Message]:
        """See `Wire.say`."""
        match item:
            case Frame():
                return self._speak(item)
            case Place():
                return [api.Info(code="queue", message_=described(item)).message()]
            case PrefillProgress() if not self._prefilling:
                self._prefilling = True
                return [api.Info(code="prefill", message_="the model reads the voice and the role").message()]
            case Begun():
                return [self._begin()]
            case Notice(why, left):
                text = f"the session ends in {left:.0f} s"
                return [api.Info(code=f"warning_{why}", message_=text).message()]
            case Command(api.ServerEvent() as event):
                return [event.message()]
            case Command(event):
                return [self._answer(event)]
            case _:
                return ()

    def finish(self, end: End) -> Sequence[Message]:
        """See `Wire.finish`."""
        messages: list[Message] = list(self._write(self._text.finish(), self._frames))
        if self._closing is None and (code := END_CODES.get(end.code)) is not None:
            fault = "server_error" if end.code in OWN_FAULT else "invalid_request_error"
            detail = api.ErrorDetail(type=fault, code=code, message=end.problem.text)
            messages.append(api.ErrorEvent(error=detail).message())
        if self._resource is not None:
            messages.append(self._closed(self._resource, end).message())
        return messages

    def _understand(self, event: api.ClientEvent) -> Heard:
        if self._start is None and not isinstance(event, api.SessionStart):
            raise ApiError("session_not_started", errors.session_not_started(), event_id=event.event_id)
        match event:
            case api.SessionStart() if self._start is not None:
                raise ApiError("session_already_started", errors.session_started_already(), event_id=event.event_id)
            case api.SessionStart():
                self._start = event
                return Heard()
            case api.InputAudioAppend():
                try:
                    frames = self._pcm.read(event.audio)
                except pcm.NotBase64 as error:
                    problem = errors.event_audio_invalid(error)
                    raise ApiError("invalid_value", problem, param="audio", event_id=event.event_id) from None
                return Heard(frames=[np.zeros_like(frame) for frame in frames] if self._muted else frames)
            case api.SessionClose():
                self._closing = event
                return Heard(end=End(CloseCode.FINISHED, errors.closed_by_client()))
            case api.InputAudioMute() | api.InputAudioUnmute():
                self._muted = isinstance(event, api.InputAudioMute)
        return Heard(items=[Command(event)])

    def _answer(self, event: object) -> Message:
        resource = self._resource
        assert resource is not None
        match event:
            case api.SessionUpdate(event_id=name):
                return api.SessionUpdated(session=resource, client_event_id=name).message()
            case api.InputAudioMute(event_id=name):
                return api.InputAudioMuted(client_event_id=name).message()
            case api.InputAudioUnmute(event_id=name):
                return api.InputAudioUnmuted(client_event_id=name).message()
        raise TypeError(f"{type(event).__name__} needs no answer")

    def _resolve(self, start: api.SessionStart) -> Choice:
        asked = start.session
        try:
            choices.check_model(asked.model, self._offer)
            if asked.audio.format is not None:
                choices.check_format(asked.audio.format, "session.audio.format")
            choices.check_store(asked.store)
            if self._strict:
                choices.check_strictly(asked.ignored())
            role = choices.joined(asked.instructions, *(item.text for item in asked.input if item.is_role))
            return choices.resolve(self._query, self._offer, asked.audio.output.voice, role, strict=self._strict)
        except ApiError as error:
            error.event_id = start.event_id
            error.close = error.close or CloseCode.BAD_PREFERENCE  # the client waits for session.started
            raise

    def _describe(self, session: Session) -> api.Session:
        persona, now = session.persona, time.time()
        return api.Session(
            id=session.id,
            model=self._offer.model,
            instructions=persona.text,
            audio=api.SessionAudio(output=api.OutputVoice(voice=persona.voice or choices.DEFAULT_VOICE)),
            expires_at=round(now + (self._offer.lifetime or choices.FOR_EVER_SECONDS)),
        )

    def _begin(self) -> Message:
        assert self._session is not None and self._start is not None
        self._resource = self._describe(self._session)
        return api.SessionStarted(session=self._resource, client_event_id=self._start.event_id).message()

    def _speak(self, frame: Frame) -> Sequence[Message]:
        audio = api.OutputAudioDelta(delta=pcm.write(frame.pcm)).message()
        text = self._write(self._text.feed(frame.tokens[0]), self._frames)
        self._frames += 1
        return [audio, *text]

    def _write(self, text: str, frame: int) -> Sequence[Message]:
        if not text:
            return ()
        assert self._session is not None
        self._session.observer.said(text)
        start = frame * FRAME_MS
        return [api.OutputTranscriptDelta(delta=text, start_ms=start, end_ms=start + FRAME_MS).message()]

    def _closed(self, resource: api.Session, end: End) -> api.SessionClosed:
        if self._closing is not None:
            reason, name = "close_requested", self._closing.event_id
        else:
            reason, name = "expired" if end.code is CloseCode.FINISHED else "connection_lost", None
        usage = api.Usage(seconds=self._frames * FRAME_MS / 1000)
        return api.SessionClosed(reason=reason, session=resource, usage=usage, client_event_id=name)


def described(place: Place) -> str:
    """A place in the queue, for people."""
    words = f"place {place.position} in the queue"
    if place.wait is not None:
        words += f", about {place.wait:.0f} s"
    elif place.longest is not None:
        words += f", at most {place.longest:.0f} s"
    return words
