"""A session: the server's side of one conversation, with its one state and its outbox.

Everything here runs on the event loop. The input queue belongs to the engine's request.
"""

import asyncio
import secrets
import time
from enum import IntEnum

from moshi_backend.conversation.observer import Observer
from moshi_backend.conversation.outbox import OUTBOX_ITEMS, Begun, End, Item, PromptRead
from moshi_backend.engine.request import Answer, PrefillProgress, Request
from moshi_backend.errors import conversations as errors
from moshi_backend.model.prompt import Prompt
from moshi_backend.model.sampling import SamplingParams
from moshi_backend.personas.catalogue import NOBODY, Persona
from moshi_service.protocol.wire import CloseCode


class State(IntEnum):
    """A session passes through these in order, and may skip some."""

    WAITING = 0
    """It has no slot yet."""
    PREFILL = 1
    """It has a slot, and the model reads its prompt."""
    LIVE = 2
    """The model answers its frames."""
    ENDED = 3
    """The client left, or the service decided to end it."""


class Session:
    """
    Args:
        prompt: what the model reads before the conversation; None for nothing.
        observer: learns what the engine answers. By default it is one that belongs to no trace.

    Attributes:
        request: the engine's side of the session.
        outbox: the items for the client, with room for an `End` behind OUTBOX_ITEMS others.
        last: the engine's last answer.
        dropped: frames of input that there was no room for.
        ending: why the service ended the conversation; None while it goes on, and if the client left.
    """

    def __init__(
        self,
        sampling: SamplingParams,
        persona: Persona = NOBODY,
        prompt: Prompt | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.persona = persona
        self.request = Request(sampling, prompt, self._on_prefill, self._on_answer)
        self.observer = observer or Observer()
        self.outbox: asyncio.Queue[Item] = asyncio.Queue(OUTBOX_ITEMS + 1)
        self.last: Answer | None = None
        self.dropped = 0
        self.ending: End | None = None
        self._created = time.monotonic()
        self._state = State.WAITING
        self._changed = asyncio.Event()

    @property
    def state(self) -> State:
        """Changes only through the methods below."""
        return self._state

    async def reach(self, state: State) -> None:
        """Wait until the session is in `state` or has passed it."""
        while self._state < state:
            await self._changed.wait()

    def prefill(self) -> None:
        """The session has a slot, and the model begins to read its prompt."""
        assert self.request.prompt is not None
        self._enter(State.PREFILL)
        self.tell(PrefillProgress(0, self.request.prompt.steps, None))

    def begin(self, prompt: PromptRead | None = None) -> None:
        """The session goes live. `prompt`: the finished prefill, if there was one."""
        self._enter(State.LIVE)
        self.tell(Begun(self.request.assigned - self._created, prompt))

    def tell(self, item: Item) -> None:
        """Put an item into the outbox. A full outbox ends the session; an ended session takes nothing."""
        if self._state is State.ENDED:
            return
        if self.outbox.qsize() >= OUTBOX_ITEMS:
            self.end(End(CloseCode.TOO_SLOW, errors.audio_unread(OUTBOX_ITEMS)))
        else:
            self.outbox.put_nowait(item)

    def drop(self, frames: int) -> None:
        """Count input that there was no room for."""
        self.dropped += frames
        self.observer.dropped(frames, "backlog")

    def end(self, end: End) -> None:
        """End the session. The client still gets the items that are queued. Only the first end counts."""
        if self._state is not State.ENDED:
            self.ending = end
            self.outbox.put_nowait(end)
            self._enter(State.ENDED)

    def leave(self) -> None:
        """The client is gone. Leaving an ended session changes nothing."""
        if self._state is not State.ENDED:
            self._enter(State.ENDED)

    def _enter(self, state: State) -> None:
        assert state > self._state
        self._state = state
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _on_prefill(self, progress: PrefillProgress) -> None:
        """The engine has read a chunk. The session goes live after the last one."""
        if self._state is not State.PREFILL:
            return
        self.tell(progress)
        if progress.done == progress.total and self._state is State.PREFILL:
            seconds = time.monotonic() - self.request.assigned
            self.begin(PromptRead(progress.total, seconds, progress.cached))

    def _on_answer(self, answer: Answer) -> None:
        if self._state is State.ENDED:
            return
        self.last = answer
        self.observer.answered(answer, self.request.backlog)
        if answer.frame is not None:
            self.tell(answer.frame)
