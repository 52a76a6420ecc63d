"""The settings of a session in OpenAI's words, and the same in ours: model, voice, role and sampling."""

from collections.abc import Mapping
from dataclasses import dataclass

from moshi_backend.conversation.openai.errors import ApiError
from moshi_backend.conversation.preferences import BadPreference, choose
from moshi_backend.errors import openai as errors
from moshi_backend.model.sampling import SamplingParams
from moshi_backend.personas.catalogue import BadPersona, Catalogue, Persona
from moshi_service.protocol.openai.common import OPENAI_VOICES, AudioFormat, VoiceId
from moshi_service.protocol.wire import CloseCode

OPENAI_MODELS = ("gpt-realtime", "gpt-live")
"""Beginnings of the names that SDKs and frameworks send as their default."""

DEFAULT_VOICE = "default"

FOR_EVER_SECONDS = 365 * 24 * 3600
"""The lifetime that a client learns where there is no limit: the APIs have no word for it."""


@dataclass(frozen=True)
class Offer:
    """The model and the personas that the service has for its sessions.

    Attributes:
        model: the checkpoint's id.
        recommended: the checkpoint's sampling.
        lifetime: seconds that a session may last; 0 for no limit.
    """

    model: str
    catalogue: Catalogue
    recommended: SamplingParams
    lifetime: float

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the model that clients may send."""
        return tuple(dict.fromkeys((self.model, self.model.rpartition("/")[2], "moshi", "personaplex")))


@dataclass(frozen=True)
class Choice:
    """Voice, role and sampling of one session."""

    persona: Persona
    sampling: SamplingParams


def check_model(name: str | None, offer: Offer) -> None:
    """
    Raises:
        ApiError: the client asks for a model that is not this one.
    """
    if name and name not in offer.models and not name.startswith(OPENAI_MODELS):
        raise ApiError(
            "model_not_found",
            errors.model_not_here(name[:60], ", ".join(offer.models)),
            param="model",
            close=CloseCode.NOT_ALLOWED,
        )


def check_format(asked: AudioFormat, param: str) -> None:
    """
    Raises:
        ApiError: the client wants another audio format.
    """
    if not asked.served:
        rate = f" at {asked.rate} Hz" if asked.rate else ""
        raise ApiError(
            "unsupported_audio_format",
            errors.audio_format_not_served(printable(asked.type[:40]) + rate),
            param=param,
            close=CloseCode.BAD_PREFERENCE,
        )


def check_store(asked: bool | None) -> None:
    """
    Raises:
        ApiError: the client wants the session to be kept.
    """
    if asked:
        raise ApiError("unsupported_parameter", errors.nothing_stored(), param="session.store")


def check_strictly(ignored: list[str]) -> None:
    """
    Raises:
        ApiError: the client has asked for errors instead of silence (`?strict=1`), and a setting has no effect.
    """
    if ignored:
        raise ApiError(
            "unsupported_parameter",
            errors.setting_without_effect(printable(ignored[0][:60])),
            param=f"session.{ignored[0]}",
        )


def resolve(
    query: Mapping[str, str], offer: Offer, voice: str | VoiceId | None, text: str, *, strict: bool = False
) -> Choice:
    """The choice that a session gets. Query parameters of `/api/chat` count too. A voice or a role in the session
    comes first.

    Args:
        text: the role. A model that takes none does not get it.

    Raises:
        ApiError: the model or the service does not take it.
    """
    catalogue = offer.catalogue
    name = voice.id if isinstance(voice, VoiceId) else voice
    if name not in catalogue.voices and (name in OPENAI_VOICES or name == DEFAULT_VOICE):
        name = None
    try:
        sampling = choose(query, offer.recommended)
    except BadPreference as error:
        raise ApiError("invalid_value", error.problem, close=CloseCode.BAD_PREFERENCE) from None
    if text and catalogue.texts == "off":
        if strict:
            check_strictly(["instructions"])
        text = ""
    try:
        voice_id = catalogue.choose(name or query.get("voice_prompt"), None).voice
    except BadPersona as error:
        raise _refused("invalid_voice", "session.audio.output.voice", error) from None
    try:
        role = catalogue.choose(None, text or query.get("text_prompt")).text
    except BadPersona as error:
        raise _refused("invalid_value", "session.instructions", error) from None
    return Choice(Persona(voice_id, role), sampling)


def _refused(code: str, field: str, error: BadPersona) -> ApiError:
    """The catalogue's error, which has the names of query parameters, with the API's name for the field."""
    problem = errors.event_field_invalid(field, error.problem)
    return ApiError(code, problem, param=field, close=CloseCode.BAD_PREFERENCE)


def printable(text: str) -> str:
    """A client's word on one line in ASCII, because it may come into the log."""
    return ascii(text)[1:-1]


def joined(*texts: str | None) -> str:
    """The parts of a role, one after the other."""
    return "\n".join(text.strip() for text in texts if text and text.strip())
