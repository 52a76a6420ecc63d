"""Loads the model that the settings name, phase by phase."""

import logging
from dataclasses import dataclass

import torch

from moshi_backend.checkpoint.folders import public_name
from moshi_backend.checkpoint.locate import commit_of, find_checkpoint
from moshi_backend.engine.engine import Loaded
from moshi_backend.engine.observer import Report
from moshi_backend.errors import LoadError, brief
from moshi_backend.model.batch import BatchedModel, sizes_of
from moshi_backend.model.capacity import check_weights
from moshi_backend.model.device import choose_device, choose_dtype, free_memory
from moshi_backend.personas.catalogue import Catalogue, Persona
from moshi_backend.personas.loading import PersonaSettings, open_catalogue
from moshi_backend.settings import Settings

log = logging.getLogger(__name__)

TOO_LARGE_FOR_A_CPU = 2e9
"""Bytes of weights. A CPU reads some 20 GB a second at best, and must read all weights 12.5 times a second."""


@dataclass(frozen=True)
class LoadedCheckpoint(Loaded):
    """
    Attributes:
        dtype: the number format of the weights.
        revision: the commit of a checkpoint from a hub; None for a folder.
        catalogue: the voices and roles that clients may choose.
    """

    dtype: str
    revision: str | None
    catalogue: Catalogue


def load(settings: Settings, report: Report) -> LoadedCheckpoint:
    """Find the checkpoint (download the files that are not cached) and put it on the device.

    Raises:
        LoadError: says what to do, whatever went wrong.
    """
    try:
        return _load(settings, report)
    except LoadError:
        log.debug("loading failed", exc_info=True)
        raise
    except Exception as error:
        log.debug("loading failed", exc_info=True)
        raise LoadError(
            f"{settings.model} could not be loaded ({brief(error)}): check that its files are whole and of one "
            "repository; MOSHI_LOG_LEVEL=debug logs the details"
        ) from error


def _load(settings: Settings, report: Report) -> LoadedCheckpoint:
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    # The progress is public, at /health; the log is not.
    public = public_name(settings.model)
    log.info("the model is %s", settings.model)
    report("resolve", f"finding {public}", None)
    checkpoint = find_checkpoint(
        settings.model,
        settings.revision,
        lambda detail, done: report("download", f"{public}: {detail}", done),
        settings.lora,
    )
    name = str(dtype).removeprefix("torch.")
    report("load", f"{public} as {name} on {device}, slots: {settings.slots}", None)
    slots = None if settings.slots == "auto" else settings.slots
    try:
        if device.type == "cpu":
            check_cpu(checkpoint.moshi_weights.stat().st_size, settings)
        else:
            check_weights(*sizes_of(checkpoint, dtype, settings.context), free_memory(device))
        model = BatchedModel(
            checkpoint, slots, device, dtype, settings.context, voice_memory=settings.voice_memory * 2**20
        )
        report("load", "voices and roles", None)
        catalogue = open_catalogue(persona_settings(settings), checkpoint, model)
    except ValueError as error:
        raise LoadError(f"{settings.model}: {error}") from error
    except torch.cuda.OutOfMemoryError as error:
        raise LoadError(
            f"the memory of {device} ran out while {settings.model} was made ready: free some, or lower MOSHI_SLOTS, "
            f"which is {settings.slots}, or MOSHI_CONTEXT"
        ) from error
    usual = catalogue.prefix(Persona(catalogue.default or next(iter(catalogue.voices), None)))
    return LoadedCheckpoint(model, slots is not None, usual, name, commit_of(checkpoint), catalogue)


def persona_settings(settings: Settings) -> PersonaSettings:
    """The settings that voices and roles depend on."""
    return PersonaSettings(
        model=settings.model,
        state_dir=settings.state_dir,
        voices=settings.voices,
        default_voice=settings.default_voice,
        presets=settings.presets,
        text_prompts=settings.text_prompts,
        prompt_tokens=settings.prompt_tokens,
    )


def check_cpu(weights: int, settings: Settings) -> None:
    """
    Args:
        weights: bytes.
    Raises:
        LoadError: a CPU is far too slow for so many weights, and MOSHI_ALLOW_SLOW is not set.
    """
    if weights > TOO_LARGE_FOR_A_CPU and not settings.allow_slow:
        raise LoadError(
            f"{settings.model} has {weights / 1e9:.1f} GB of weights, and PyTorch {torch.__version__} sees no GPU "
            "that it can use: a CPU would answer many times too slowly. See what moshi-backend doctor says of the GPU, "
            "or set MOSHI_ALLOW_SLOW=true to try all the same"
        )
