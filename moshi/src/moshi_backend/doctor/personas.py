"""Checks of the operator's voices and roles, without loading a model: a start would find the same faults minutes later.

Whether a recording is one of speech shows only at a start, which encodes it.
"""

from moshi_backend.doctor.finding import Finding, fault
from moshi_backend.errors import LoadError
from moshi_backend.errors import personas as errors
from moshi_backend.personas.presets import read_presets
from moshi_backend.settings import Settings


def presets(settings: Settings) -> Finding:
    """The file with roles."""
    if settings.presets is None:
        return Finding("presets", "skipped", "the service's own")
    try:
        found = read_presets(settings.presets)
    except LoadError as error:
        return fault("presets", "failed", error.problem)
    return Finding("presets", "ok", f"{settings.presets}: {', '.join(preset.id for preset in found)}")


def voices(settings: Settings) -> Finding:
    """The folder with voices, and the voice of a client that chooses none. It imports PyTorch, which takes seconds."""
    from moshi_backend.personas.voices import voice_files

    if settings.voices is None and settings.default_voice is None:
        return Finding("voices", "skipped", "those of the model")
    default = settings.default_voice
    try:
        own = [] if settings.voices is None else [file.stem for file in voice_files(settings.voices)]
        if default is None or default in own:
            return Finding("voices", "ok", ", ".join(own) or f"{settings.voices} is empty")
        theirs = _of_the_model(settings)
    except LoadError as error:
        return fault("voices", "failed", error.problem)
    if theirs is None:
        detail = f"MOSHI_DEFAULT_VOICE={default} may be one of the model's, which is not here"
        return Finding("voices", "skipped", detail)
    known = ", ".join(sorted({*own, *theirs}))
    if default not in theirs:
        return fault("voices", "failed", errors.default_voice_missing(default, known))
    return Finding("voices", "ok", known)


def _of_the_model(settings: Settings) -> list[str] | None:
    """Ids of the voices that come with the model. None: its files are not here or are damaged, which the check of the
    weights reports."""
    from moshi_backend.checkpoint.locate import find_checkpoint
    from moshi_backend.personas.voices import ids_in_archive

    try:
        checkpoint = find_checkpoint(settings.model, settings.revision, download=False)
    except LoadError:
        return None
    return [] if checkpoint.voices is None else ids_in_archive(checkpoint.voices)
