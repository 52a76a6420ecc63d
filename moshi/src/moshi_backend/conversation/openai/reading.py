"""From WebSocket messages to typed events of a client, and the errors of messages that are none."""

from pydantic import TypeAdapter

from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.conversation.wire import Message
from moshi_backend.errors import openai as errors
from moshi_service.protocol.openai.common import ClientMessage, Invalid, Unknown, Unreadable, parse
from moshi_service.protocol.wire import CloseCode

STRIKES = 3
"""Messages that are not JSON. The last one ends the session."""


class EventReader[T: ClientMessage]:
    """
    Args:
        adapter: of the API's events of clients.
        unknown: the error code for an event that the API does not have, or that has no meaning here.
    """

    def __init__(self, adapter: TypeAdapter[T], unknown: str) -> None:
        self._adapter = adapter
        self._unknown = unknown
        self._strikes = 0

    def read(self, message: Message) -> T:
        """The event in a message.

        Raises:
            ApiError: there is none.
        """
        if isinstance(message, bytes):
            raise ApiError("binary_message", errors.message_binary(), close=CloseCode.NOT_TEXT)
        try:
            return parse(self._adapter, message)
        except Unreadable:
            self._strikes += 1
            close = CloseCode.NOT_OPUS if self._strikes >= STRIKES else None
            raise ApiError("invalid_json", errors.message_not_json(), close=close) from None
        except Unknown as unknown:
            problem = errors.event_unknown(unknown.type[:60]) if unknown.type else errors.event_without_type()
            raise ApiError(self._unknown, problem, param="type", event_id=unknown.event_id) from None
        except Invalid as invalid:
            raise ApiError(
                "invalid_value",
                errors.event_field_invalid(invalid.param, str(invalid)),
                param=invalid.param,
                event_id=invalid.event_id,
            ) from None
