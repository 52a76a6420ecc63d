"""The Realtime API as a wire: each utterance of the model is a response."""

import time
from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from moshi_backend.conversation.openai import pcm
from moshi_backend.conversation.openai.choices import Choice, Offer
from moshi_backend.conversation.openai.errors import END_CODES, OWN_FAULT, ApiError
from moshi_backend.conversation.openai.items import Addition, Items, of_client
from moshi_backend.conversation.openai.reading import EventReader
from moshi_backend.conversation.openai.responses import OpenResponse
from moshi_backend.conversation.openai.settings import RealtimeSettings
from moshi_backend.conversation.openai.utterances import Sound, Utterances
from moshi_backend.conversation.outbox import Begun, Command, End, Item
from moshi_backend.conversation.session import Session
from moshi_backend.conversation.wire import Heard, Message
from moshi_backend.errors import openai as errors
from moshi_backend.model.batch import BatchedModel, Frame
from moshi_backend.model.text import TextDecoder
from moshi_service.protocol.openai import realtime as api
from moshi_service.protocol.openai.common import new_id


class RealtimeWire:
    """
    Args:
        query: the parameters of the URL.
        now: seconds of `time.monotonic`.
    """

    fills_gaps = True

    def __init__(self, model: BatchedModel, offer: Offer, query: Mapping[str, str], now: float) -> None:
        self._settings = RealtimeSettings(offer, query, now)
        self._reader = EventReader(api.CLIENT, "unknown_event")
        self._pcm = pcm.PcmReader(model.frame_size)
        self._text = TextDecoder(model.vocabulary)
        self._items = Items()
        self._utterances = Utterances()
        self._response: OpenResponse | None = None
        self._withheld = False
        """Whether the client does not want to hear the utterance that goes on."""
        self._conversation = new_id("conv")
        self._session: Session | None = None

    def greet(self) -> Heard:
        """See `OpenAIWire.greet`."""
        try:
            self._settings.check_model()
            return Heard(items=[Command(api.SessionCreated(session=self._settings.described()))])
        except ApiError as error:
            return self.fault(error)

    def due(self) -> float:
        """See `OpenAIWire.due`."""
        return self._settings.due()

    def look(self, now: float) -> Choice | End | None:
        """See `OpenAIWire.look`."""
        return self._settings.look(now)

    def attach(self, session: Session) -> None:
        """See `OpenAIWire.attach`."""
        self._session = session
        self._settings.attach(session)

    def fault(self, error: ApiError) -> Heard:
        """See `OpenAIWire.fault`."""
        detail = api.ErrorDetail(
            type="server_error" if error.close in OWN_FAULT else "invalid_request_error",
            code=error.code,
            message=error.problem.text,
            param=error.param,
            event_id=error.event_id,
        )
        return Heard(items=[Command(api.ErrorEvent(error=detail))], end=error.end)

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
                return messages(self._speak(item))
            case Begun():
                self._settings.begin()
                return ()
            case Command(api.ServerEvent() as event):
                return [event.message()]
            case Command(event):
                try:
                    return messages(self._answer(event))
                except ApiError as error:
                    return [message for told in self.fault(error).items for message in await self.say(told)]
            case _:
                return ()  # the API has no words for a queue, a prefill or a warning

    def finish(self, end: End) -> Sequence[Message]:
        """See `Wire.finish`."""
        last: list[api.ServerEvent] = []
        if self._response is not None:
            last += self._write(self._text.finish())
            last += self._end_response(self._response, "incomplete")
        if (code := END_CODES.get(end.code)) is not None:
            fault = "server_error" if end.code in OWN_FAULT else "invalid_request_error"
            last.append(api.ErrorEvent(error=api.ErrorDetail(type=fault, code=code, message=end.problem.text)))
        return messages(last)

    def _understand(self, event: api.ClientEvent) -> Heard:
        match event:
            case api.InputAudioAppend():
                try:
                    frames = self._pcm.read(event.audio)
                except pcm.NotBase64 as error:
                    problem = errors.event_audio_invalid(error)
                    raise ApiError("invalid_value", problem, param="audio", event_id=event.event_id) from None
                self._settings.heard(time.monotonic())
                return Heard(frames=frames)
            case api.SessionUpdate():
                self._settings.update(event, time.monotonic())
            case api.ItemCreate():
                self._items.check_new(event.item.id, event.event_id)  # before its text becomes a part of the role
                used = self._settings.add_role(event)
                return Heard(items=[Command(of_client(event, used=used))])
            case api.InputAudioClear():
                self._pcm.clear()
                return Heard(items=[Command(event)], clears=True)
        return Heard(items=[Command(event)])

    def _answer(self, event: BaseModel) -> list[api.ServerEvent]:
        match event:
            case api.SessionUpdate():
                return [api.SessionUpdated(session=self._settings.described())]
            case api.InputAudioCommit():
                return [api.InputAudioCommitted(item_id=new_id("item"), previous_item_id=self._items.last)]
            case api.InputAudioClear():
                return [api.InputAudioCleared()]
            case api.ResponseCreate(event_id=name):
                raise ApiError(
                    "conversation_already_has_active_response",
                    errors.speaks_by_itself(),
                    event_id=name,
                )
            case api.ResponseCancel(event_id=name) | api.OutputAudioClear(event_id=name):
                if self._response is None:
                    raise ApiError("response_cancel_not_active", errors.no_open_response(), event_id=name)
                self._withheld = True
                return self._end_response(self._response, "cancelled")
            case Addition(item=item, event_id=name):
                self._items.check_new(item.id, name)  # again: one with this id may have waited in the outbox
                return self._add(item)
            case api.ItemRetrieve(item_id=id_, event_id=name):
                return [api.ItemRetrieved(item=self._items.get(id_, name))]
            case api.ItemDelete(item_id=id_, event_id=name):
                self._items.remove(id_, name)
                return [api.ItemDeleted(item_id=id_)]
            case api.ItemTruncate(item_id=id_, content_index=index, audio_end_ms=end):
                return [api.ItemTruncated(item_id=id_, content_index=index, audio_end_ms=end)]
        raise TypeError(f"{type(event).__name__} needs no answer")

    def _add(self, item: api.Item) -> list[api.ServerEvent]:
        previous = self._items.last
        self._items.add(item)
        return [
            api.ItemAdded(previous_item_id=previous, item=item),
            api.ItemDone(previous_item_id=previous, item=item),
        ]

    def _speak(self, frame: Frame) -> list[api.ServerEvent]:
        part = self._utterances.feed(Sound(frame.pcm, self._text.feed(frame.tokens[0])))
        if self._withheld:
            self._withheld = not part.pauses
            return []
        events: list[api.ServerEvent] = []
        if part.begins:
            self._response = OpenResponse(self._conversation, self._settings.voice, self._items.last)
            self._items.add(self._response.item("incomplete"))
            events += self._response.begin()
        if (response := self._response) is not None:
            for sound in part.sounds:
                events += response.speak(sound)
                self._note(sound.text)
            if part.ends:
                events += self._end_response(response, "completed")
        return events

    def _write(self, text: str) -> list[api.ServerEvent]:
        assert self._response is not None
        self._note(text)
        return self._response.write(text)

    def _note(self, text: str) -> None:
        if text and self._session is not None:
            self._session.observer.said(text)

    def _end_response(self, response: OpenResponse, status: api.Status) -> list[api.ServerEvent]:
        self._response = None
        self._items.update(response.item(status))
        return response.end(status)


def messages(events: Sequence[api.ServerEvent]) -> list[Message]:
    """The WebSocket messages of the events."""
    return [event.message() for event in events]
