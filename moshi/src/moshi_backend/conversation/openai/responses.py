"""The events of one utterance in the Realtime API: a response with one item with one part."""

from typing import Literal

from moshi_backend.conversation.openai import pcm
from moshi_backend.conversation.openai.utterances import Sound
from moshi_service.protocol.openai import realtime as api
from moshi_service.protocol.openai.common import new_id
from moshi_service.protocol.openai.realtime import Status


class OpenResponse:
    """
    Args:
        conversation: the id of the conversation.
        voice: the name of the model's voice.
        previous: the id of the item before; None for the first.
    """

    def __init__(self, conversation: str, voice: str, previous: str | None) -> None:
        self.id = new_id("resp")
        self.item_id = new_id("item")
        self._conversation = conversation
        self._voice = voice
        self._previous = previous
        self._transcript = ""
        self._frames = 0

    def begin(self) -> list[api.ServerEvent]:
        """The events before the first sound."""
        item = api.Item(id=self.item_id, status="in_progress", role="assistant")
        return [
            api.ResponseCreated(response=self._response("in_progress")),
            api.OutputItemAdded(response_id=self.id, item=item),
            api.ItemAdded(previous_item_id=self._previous, item=item),
            api.ContentPartAdded(
                response_id=self.id, item_id=self.item_id, part=api.Content(type="audio", transcript="")
            ),
        ]

    def speak(self, sound: Sound) -> list[api.ServerEvent]:
        """The events of a frame."""
        self._frames += 1
        audio = api.AudioDelta(response_id=self.id, item_id=self.item_id, delta=pcm.write(sound.pcm))
        return [audio, *self.write(sound.text)]

    def write(self, text: str) -> list[api.ServerEvent]:
        """The events of a piece of text."""
        if not text:
            return []
        self._transcript += text
        return [api.TranscriptDelta(response_id=self.id, item_id=self.item_id, delta=text)]

    def end(self, status: Status) -> list[api.ServerEvent]:
        """The events after the last sound."""
        ids = {"response_id": self.id, "item_id": self.item_id}
        item = self.item(status)
        details = None
        if status != "completed":
            reason = "client_cancelled" if status == "cancelled" else None
            details = api.StatusDetails(type=status, reason=reason)
        return [
            api.AudioDone(**ids),
            api.TranscriptDone(**ids, transcript=self._transcript),
            api.ContentPartDone(**ids, part=api.Content(type="audio", transcript=self._transcript)),
            api.OutputItemDone(response_id=self.id, item=item),
            api.ItemDone(previous_item_id=self._previous, item=item),
            api.ResponseDone(response=self._response(status, details, item)),
        ]

    def item(self, status: Status) -> api.Item:
        """The item, for the record."""
        return api.Item(
            id=self.item_id,
            status="completed" if status == "completed" else "incomplete",
            role="assistant",
            content=(api.Content(type="output_audio", transcript=self._transcript),),
        )

    def _response(
        self,
        status: Status | Literal["in_progress"],
        details: api.StatusDetails | None = None,
        item: api.Item | None = None,
    ) -> api.Response:
        tokens = api.TokenDetails(audio_tokens=self._frames)
        usage = api.Usage(total_tokens=self._frames, output_tokens=self._frames, output_token_details=tokens)
        return api.Response(
            id=self.id,
            status=status,
            status_details=details,
            conversation_id=self._conversation,
            output=(item,) if item else (),
            audio=api.ResponseAudio(output=api.SessionOutput(voice=self._voice)),
            usage=usage if item else None,
        )
