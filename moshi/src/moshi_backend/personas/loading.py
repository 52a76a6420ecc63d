"""From a checkpoint and the operator's choices to the catalogue of voices and roles."""

from dataclasses import dataclass
from pathlib import Path

from moshi_backend.checkpoint.checkpoint import Checkpoint
from moshi_backend.errors import LoadError
from moshi_backend.errors import checkpoints as checkpoint_errors
from moshi_backend.errors import personas as errors
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.loaders import load_tokenizer
from moshi_backend.model.speech import SpeechEncoder
from moshi_backend.personas.catalogue import PAUSE_FRAMES, SILENCE, Catalogue, Texts
from moshi_backend.personas.presets import read_presets
from moshi_backend.personas.recordings import Recordings, from_folder
from moshi_backend.personas.voices import Voice, from_archive

PAUSES = 2 * PAUSE_FRAMES + 2
"""Steps of a prompt that are neither voice nor text, and the conversation's first."""

SHARE = 3
"""A voice, and a text, may each take one part in so many of what the model remembers."""


@dataclass(frozen=True)
class PersonaOptions:
    """The operator's choices.

    Attributes:
        voices: folder with the operator's own voices.
        encoded: folder for the codes of recordings.
        default_voice: id of the voice of a client that chooses none.
        presets: file with roles, instead of the service's own.
        texts: text prompts that clients may send.
        most_tokens: of a text prompt.
    """

    voices: Path | None
    encoded: Path
    default_voice: str | None
    presets: Path | None
    texts: Texts
    most_tokens: int


def open_catalogue(options: PersonaOptions, checkpoint: Checkpoint, model: BatchedModel, name: str) -> Catalogue:
    """A PersonaPlex has its own voices, takes text prompts, and speaks in its first voice unless another is chosen. A
    plain Moshi was not made for text prompts; it can be given voices to continue in.

    Args:
        name: of the model, for messages.
    Raises:
        LoadError: a voice or the presets are no such thing; says which and what to do.
    """
    pattern, width = model.delay_pattern, model.width
    made_for_it = checkpoint.kind == "personaplex"
    found: dict[str, Voice] = {}
    if checkpoint.voices is not None:
        found |= {voice.id: voice for voice in from_archive(checkpoint.voices, pattern, width)}
    if options.voices is not None:
        own = Recordings(SpeechEncoder(checkpoint, model.device), options.encoded)
        found |= {voice.id: voice for voice in from_folder(options.voices, pattern, width, own)}
    if (found or made_for_it) and max(pattern.model_codebooks, pattern.user_codebooks) > len(SILENCE):
        raise LoadError(errors.voices_codebooks(name, pattern.model_codebooks, pattern.user_codebooks, len(SILENCE)))
    most = min(model.context // SHARE, (model.context - PAUSES) // 2)
    for voice in found.values():
        if voice.frames > most:
            seconds, context = voice.frames * model.frame_seconds, model.context * model.frame_seconds
            raise LoadError(errors.voice_too_long(voice.id, seconds, context))
    ordered = [found[id_] for id_ in sorted(found)]
    default = options.default_voice
    if default is not None and default not in found:
        raise LoadError(errors.default_voice_missing(default, ", ".join(sorted(found))))
    if default is None and made_for_it and ordered:
        default = ordered[0].id
    tokenizer = load_tokenizer(checkpoint) if made_for_it else None
    if tokenizer is not None and tokenizer.vocab_size() > pattern.initial_text:
        raise LoadError(checkpoint_errors.tokenizer_too_large(checkpoint.tokenizer))
    return Catalogue(
        pattern,
        model.codebook_size,
        tokenizer,
        ordered,
        read_presets(options.presets),
        default,
        options.texts,
        min(options.most_tokens, most),
        model.frame_seconds,
    )
