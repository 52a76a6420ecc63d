"""The record of a Realtime conversation: its last items."""

from pydantic import BaseModel

from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.errors import openai as errors
from moshi_service.protocol.openai import realtime as api
from moshi_service.protocol.openai.common import new_id

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

    def check_new(self, id_: str | None, event_id: str | None) -> None:
        """
        Raises:
            ApiError: an item with this id is remembered.
        """
        if id_ in self._items:
            problem = errors.event_field_invalid("item.id", f"{id_[:60]!a} is the id of another item; leave it out")
            raise ApiError("invalid_value", problem, param="item.id", event_id=event_id)

    def add(self, item: api.Item) -> None:
        """Remember a new item."""
        self._items[item.id] = item
        if len(self._items) > KEPT:
            del self._items[next(iter(self._items))]

    def update(self, item: api.Item) -> None:
        """Remember the new state of an item, unless it is forgotten or removed."""
        if item.id in self._items:
            self._items[item.id] = item

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


class Addition(BaseModel):
    """A client's item that is to be added. `event_id`: the client's name for its message."""

    item: api.Item
    event_id: str | None


def of_client(event: api.ItemCreate, *, used: bool) -> Addition:
    """A client's message as an item. `used`: whether the model reads it."""
    message = event.item
    role = "system" if message.is_role else "assistant" if message.role == "assistant" else "user"
    kind = "output_text" if role == "assistant" else "input_text"
    item = api.Item(
        id=message.id or new_id("item"),
        status="completed" if used else "incomplete",
        role=role,
        content=(api.Content(type=kind, text=message.text),),
    )
    return Addition(item=item, event_id=event.event_id)
