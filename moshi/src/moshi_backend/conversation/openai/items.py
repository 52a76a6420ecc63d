"""The record of a Realtime conversation: its last items."""

from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.errors import openai as errors
from moshi_service.protocol.openai import realtime as api
from moshi_service.protocol.openai.common import Message, new_id

KEPT = 32
"""Items of a conversation that are remembered. A new one takes the place of the oldest."""


class Items:
    """Remembers items by their ids."""

    def __init__(self) -> None:
        self._items: dict[str, api.Item] = {}

    @property
    def last(self) -> str | None:
        """The id of the newest item; None if there is none."""
        return next(reversed(self._items), None)

    def add(self, item: api.Item) -> None:
        """Remember an item, or its new state."""
        self._items[item.id] = item
        if len(self._items) > KEPT:
            del self._items[next(iter(self._items))]

    def get(self, id_: str, event_id: str | None) -> api.Item:
        """
        Raises:
            ApiError: there is no such item.
        """
        if (item := self._items.get(id_)) is None:
            raise ApiError(
                "item_not_found",
                errors.item_not_kept(id_[:60], KEPT),
                param="item_id",
                event_id=event_id,
            )
        return item

    def remove(self, id_: str, event_id: str | None) -> None:
        """
        Raises:
            ApiError: there is no such item.
        """
        self.get(id_, event_id)
        del self._items[id_]


def of_client(message: Message, *, used: bool) -> api.Item:
    """A client's message as an item. `used`: whether the model reads it."""
    role = "system" if message.is_role else "assistant" if message.role == "assistant" else "user"
    kind = "output_text" if role == "assistant" else "input_text"
    return api.Item(
        id=message.id or new_id("item"),
        status="completed" if used else "incomplete",
        role=role,
        content=(api.Content(type=kind, text=message.text),),
    )
