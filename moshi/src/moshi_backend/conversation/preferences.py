"""The query parameters of a conversation, by upstream's names: sampling, voice and role."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from moshi_backend.errors import conversations as errors
from moshi_backend.model.sampling import SamplingParams, TokenSampling
from moshi_backend.personas.catalogue import NOBODY, BadPersona, Catalogue, Persona
from moshi_service.errors import ProblemError
from moshi_service.protocol.events import SessionSettings


class BadPreference(ProblemError):
    """A query parameter has a bad value. The message names the parameter, its value and the values that it takes."""


@dataclass(frozen=True)
class Range:
    """The numbers that a query parameter takes, both ends included."""

    type: type[int] | type[float]
    least: float
    most: float

    def parse(self, name: str, value: str) -> int | float:
        """The number in `value`.

        Raises:
            BadPreference: it is no number of the range.
        """
        try:
            number = self.type(value)
        except ValueError:
            number = math.nan
        if not self.least <= number <= self.most:
            kind = "a whole number" if self.type is int else "a number"
            raise BadPreference(errors.preference_out_of_range(name, value[:40], kind, self.least, self.most))
        return number


TEMPERATURE = Range(float, 0, 2)
TOP_K = Range(int, 0, 32_000)
SEED = Range(int, 0, 2**64 - 1)
"""The Rust server's range."""

EXACT_IN_JSON = 2**53
"""JavaScript rounds whole numbers above this, so clients get them as text."""

RANGES = {
    "text_temperature": TEMPERATURE,
    "text_topk": TOP_K,
    "text_seed": SEED,
    "audio_temperature": TEMPERATURE,
    "audio_topk": TOP_K,
    "audio_seed": SEED,
    "seed": SEED,
}
"""`seed` applies to text and audio. Other parameters are ignored: upstream's clients send some."""

ANY_SEED = "-1"
"""PersonaPlex's clients send this to leave the seed open."""


def choose(query: Mapping[str, str], recommended: SamplingParams) -> SamplingParams:
    """The sampling that a client asks for. Parameters that it leaves out are those of `recommended`, with new seeds.

    Raises:
        BadPreference: a value is not in its range.
    """
    chosen = {
        name: range_.parse(name, query[name])
        for name, range_ in RANGES.items()
        if name in query and not (range_ is SEED and query[name] == ANY_SEED)
    }
    return SamplingParams(_choice("text", chosen, recommended.text), _choice("audio", chosen, recommended.audio))


def choose_persona(query: Mapping[str, str], catalogue: Catalogue) -> Persona:
    """The voice and role that a client asks for, by the names of PersonaPlex's query parameters.

    Raises:
        BadPreference: the model or the service does not take them.
    """
    try:
        return catalogue.choose(query.get("voice_prompt"), query.get("text_prompt"))
    except BadPersona as error:
        raise BadPreference(error.problem) from None


def _choice(kind: str, chosen: Mapping[str, float], recommended: TokenSampling) -> TokenSampling:
    fresh = TokenSampling(recommended.temperature, recommended.top_k)
    seed = chosen.get(f"{kind}_seed", chosen.get("seed", fresh.seed))
    return replace(
        fresh,
        temperature=chosen.get(f"{kind}_temperature", fresh.temperature),
        top_k=int(chosen.get(f"{kind}_topk", fresh.top_k)),
        seed=int(seed),
    )


def described(sampling: SamplingParams, persona: Persona = NOBODY) -> SessionSettings:
    """The query parameters that make the same conversation again."""
    settings = SessionSettings(
        text_temperature=sampling.text.temperature,
        text_topk=sampling.text.top_k,
        text_seed=_told(sampling.text.seed),
        audio_temperature=sampling.audio.temperature,
        audio_topk=sampling.audio.top_k,
        audio_seed=_told(sampling.audio.seed),
    )
    if persona.voice:
        settings["voice_prompt"] = persona.voice
    if persona.text:
        settings["text_prompt"] = persona.text
    return settings


def _told(seed: int) -> int | str:
    return seed if seed <= EXACT_IN_JSON else str(seed)
