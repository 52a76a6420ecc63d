"""Voices and roles that a client may choose, and the prompt that a choice makes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from moshi_backend.errors import personas as errors
from moshi_backend.model.prompt import DelayPattern, Prompt, PromptStart
from moshi_backend.model.tokens import Tokens
from moshi_backend.personas.presets import CHARACTERS, Preset
from moshi_backend.personas.voices import Voice
from moshi_service.errors import ProblemError

SILENCE = (948, 243, 1178, 546, 1736, 1030, 1978, 2008)
"""What Mimi makes of silence: the codes of the model in a prompt's pauses."""

TONE = (430, 1268, 381, 1611, 1095, 1495, 56, 472)
"""What Mimi makes of a sine tone: what the model hears during its prompt, so that it knows that it is one."""

PAUSE_FRAMES = 6
"""Half a second, after the voice and after the text."""

TAG = "<system>"

type Texts = Literal["free", "presets", "off"]


class Tokenizer(Protocol):
    """As much of SentencePiece as a catalogue needs."""

    def encode(self, text: str, /) -> list[int]:
        """Text to tokens."""
        ...


class BadPersona(ProblemError):
    """Says which parameter, what was wrong and what it takes."""


@dataclass(frozen=True)
class Persona:
    """What a conversation was given. `voice`: its id."""

    voice: str | None = None
    text: str = ""


NOBODY = Persona()


class Catalogue:
    """The voices and roles of one model.

    Args:
        pattern: how the streams of the model are arranged.
        codebook_size: codes in a codebook of the model.
        tokenizer: of text prompts; none for a model that was not made for them.
        default: the id of the voice of who chooses none.
        texts: which text prompts are taken.
        most_tokens: of a text prompt. Presets that are longer are left out.
        frame_seconds: how long a frame lasts.
    """

    def __init__(
        self,
        pattern: DelayPattern,
        codebook_size: int,
        tokenizer: Tokenizer | None,
        voices: Sequence[Voice],
        presets: Sequence[Preset],
        default: str | None,
        texts: Texts,
        most_tokens: int,
        frame_seconds: float,
    ) -> None:
        self._pattern = pattern
        # A small model for tests has fewer codes. What these say does not matter in it.
        silence, tone = SILENCE[: pattern.model_codebooks], TONE[: pattern.user_codebooks]
        self._pause = [code % codebook_size for code in silence], [code % codebook_size for code in tone]
        self._tokenizer = tokenizer
        self.voices: Mapping[str, Voice] = {voice.id: voice for voice in voices}
        self.texts: Texts = "off" if tokenizer is None else texts
        self.default = default
        self.most_tokens = most_tokens
        self._frame_seconds = frame_seconds
        offered = presets if self.texts != "off" else ()
        self.presets = [preset for preset in offered if len(self.tokens(preset.text)) <= most_tokens]

    def choose(self, voice: str | None, text: str | None) -> Persona:
        """What a client asks for; nothing and an empty text mean the default voice and no text.

        Raises:
            BadPersona: there is no such voice, or such a text is not taken.
        """
        return Persona(self._voice(voice or None), self._text((text or "").strip()))

    def prompt(self, persona: Persona) -> Prompt | None:
        """The model reads it before the conversation; none if there is nothing to read."""
        if persona.voice is None and not persona.text:
            return None
        voice = self.voices[persona.voice] if persona.voice else None
        pause = self._frames([self._pattern.text_padding] * PAUSE_FRAMES)
        start = voice.start if voice else PromptStart(self._pattern.initial())
        # The first frame of a sequence that begins here is never seen.
        lead = self._frames([self._pattern.text_padding] * len(voice.codes), voice.codes) if voice else pause[:0]
        before = [lead, pause] if start.embedded is not None else [np.concatenate((lead, pause))[1:]]
        own = [self._frames(self.tokens(persona.text)), pause] if persona.text else [pause]
        return Prompt.of(self._pattern, start, persona.voice, before, own)

    def seconds(self, voice: Voice) -> float:
        """How long a voice lasts, rounded to tenths."""
        return round(voice.frames * self._frame_seconds, 1)

    def tokens(self, text: str) -> list[int]:
        """Of a text prompt, as the model was taught it; a step of the model each."""
        assert self._tokenizer is not None
        tagged = text if text.startswith(TAG) and text.endswith(TAG) and text != TAG else f"{TAG} {text} {TAG}"
        return [int(token) for token in self._tokenizer.encode(tagged)]

    def _voice(self, id_: str | None) -> str | None:
        if id_ is None:
            return self.default
        if not self.voices:
            raise BadPersona(errors.no_voices(id_[:20]))
        # PersonaPlex's clients name files.
        known = id_.removesuffix(".pt").removesuffix(".wav")
        if known not in self.voices:
            names = ", ".join(list(self.voices)[:2]) + (", ..." if len(self.voices) > 2 else "")
            raise BadPersona(errors.no_such_voice(id_[:20], names))
        return known

    def _text(self, text: str) -> str:
        if not text:
            return ""
        if self._tokenizer is None:
            raise BadPersona(errors.role_not_possible())
        if self.texts == "off":
            raise BadPersona(errors.role_not_allowed())
        if self.texts == "presets" and text not in {preset.text for preset in self.presets}:
            raise BadPersona(errors.role_no_preset())
        if len(text) > CHARACTERS:
            raise BadPersona(errors.role_too_many_characters(len(text), CHARACTERS))
        count = len(self.tokens(text))
        if count > self.most_tokens:
            raise BadPersona(errors.role_too_many_tokens(count, self.most_tokens))
        return text

    def _frames(self, text: Sequence[int], codes: Tokens | None = None) -> Tokens:
        silence, tone = self._pause
        frames = np.empty((len(text), len(self._pattern.delays)), np.int64)
        frames[:, 0] = text
        frames[:, 1 : self._pattern.model_streams] = silence if codes is None else codes
        frames[:, self._pattern.model_streams :] = tone
        return frames
