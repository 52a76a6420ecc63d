"""From settings and a checkpoint to what clients may choose."""

from dataclasses import dataclass
from pathlib import Path

from moshi_backend.checkpoint.locate import Checkpoint, voice_archive
from moshi_backend.errors import LoadError
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.personaplex import PersonaPlex
from moshi_backend.model.speech import SpeechEncoder
from moshi_backend.personas.catalogue import PAUSE_FRAMES, SILENCE, Catalogue, Texts
from moshi_backend.personas.presets import read_presets
from moshi_backend.personas.recordings import Recordings, from_folder
from moshi_backend.personas.voices import FRAME_SECONDS, Voice, from_archive

PAUSES = 2 * PAUSE_FRAMES + 2
"""Steps of a prefix that are neither voice nor text, and the conversation's first."""

SHARE = 3
"""A voice, and a text, may each take one part in so many of what the model remembers."""


@dataclass(frozen=True, kw_only=True)
class PersonaSettings:
    """The settings that voices and roles depend on. The class of all settings documents them."""

    model: str
    state_dir: Path
    voices: Path | None
    default_voice: str | None
    presets: Path | None
    text_prompts: Texts
    prompt_tokens: int


def open_catalogue(settings: PersonaSettings, checkpoint: Checkpoint, model: BatchedModel) -> Catalogue:
    """A PersonaPlex has its own voices, takes text prompts, and speaks in its first voice unless another is chosen. A
    plain Moshi was not made for text prompts; it can be given voices to continue in.

    Raises:
        LoadError: a voice or the presets are no such thing; says which and what to do.
    """
    pattern, width = model.pattern, model.width
    made_for_it = isinstance(checkpoint, PersonaPlex)
    found: dict[str, Voice] = {}
    if made_for_it and (archive := voice_archive(checkpoint)):
        found |= {voice.id: voice for voice in from_archive(archive, pattern, width)}
    if settings.voices is not None:
        own = Recordings(SpeechEncoder(checkpoint, model.device), settings.state_dir / "voices")
        found |= {voice.id: voice for voice in from_folder(settings.voices, pattern, width, own)}
    said, heard = pattern.said - 1, len(pattern.delays) - pattern.said
    if (found or made_for_it) and max(said, heard) > len(SILENCE):
        raise LoadError(
            f"{settings.model} predicts {said} and hears {heard} codes a frame; voices and roles are made for "
            f"{len(SILENCE)}: unset MOSHI_VOICES, or take a released PersonaPlex"
        )
    most = min(model.context // SHARE, (model.context - PAUSES) // 2)
    for voice in found.values():
        if voice.frames > most:
            remembered = f"{model.context * FRAME_SECONDS:g} s"
            raise LoadError(
                f"the voice {voice.id} lasts {voice.seconds} s, more than a third of the {remembered} that the model "
                "remembers: take a shorter one, or raise MOSHI_CONTEXT"
            )
    ordered = [found[id_] for id_ in sorted(found)]
    default = settings.default_voice
    if default is not None and default not in found:
        raise LoadError(f"MOSHI_DEFAULT_VOICE={default}: there is no such voice; there are: {', '.join(sorted(found))}")
    if default is None and made_for_it and ordered:
        default = ordered[0].id
    tokenizer = checkpoint.get_text_tokenizer() if made_for_it else None
    if tokenizer is not None and tokenizer.vocab_size() > pattern.first_text:
        raise LoadError(f"{checkpoint.tokenizer} has more tokens than the model knows: it belongs to another one")
    return Catalogue(
        pattern,
        model.codes,
        tokenizer,
        ordered,
        read_presets(settings.presets),
        default,
        settings.text_prompts,
        min(settings.prompt_tokens, most),
    )
