"""Loads the model that the settings name, phase by phase."""

import logging
from dataclasses import dataclass

import torch

from moshi_backend.checkpoint.folders import public_name
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.engine.engine import Loaded
from moshi_backend.engine.observer import Report
from moshi_backend.errors import LoadError, brief
from moshi_backend.model.batch import BatchedModel, required_memory
from moshi_backend.model.capacity import GIB, RESERVE, DoesNotFit
from moshi_backend.model.device import NoSuchGPU, choose_device, choose_dtype, free_memory
from moshi_backend.model.kernels.selfcheck import try_kernels
from moshi_backend.model.plan import Plan
from moshi_backend.model.support import check_support
from moshi_backend.personas.catalogue import Catalogue, Persona
from moshi_backend.personas.loading import PersonaOptions, open_catalogue
from moshi_backend.settings import Settings

log = logging.getLogger(__name__)

TOO_LARGE_FOR_A_CPU = 2e9
"""Bytes of weights. A CPU reads some 20 GB a second at best, and must read all weights 12.5 times a second."""

PCIE = 25e9
"""Bytes a second over PCIe 4.0 x16, at best."""


@dataclass(frozen=True)
class LoadedCheckpoint(Loaded):
    """
    Attributes:
        dtype: the number format of the weights.
        kernels: whether the service's own kernels are in use, in words.
        revision: the commit of a checkpoint from a hub; None for a folder.
        catalogue: the voices and roles that clients may choose.
    """

    dtype: str
    kernels: str
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
    device = _device(settings)
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
    check_support(checkpoint)
    name = str(dtype).removeprefix("torch.")
    kernels = try_kernels(device, dtype, settings.kernels == "auto")
    if kernels.failed:
        log.warning("the service's kernels %s; PyTorch's serve instead, for fewer conversations", kernels)
    plan = Plan(settings.context, settings.kv == "int8", kernels.kernels)
    report("load", f"{public} as {name} on {device}, slots: {settings.slots}", None)
    slots = None if settings.slots == "auto" else settings.slots
    try:
        if device.type == "cpu":
            check_cpu(checkpoint.moshi_weights.stat().st_size, settings)
        else:
            needed = required_memory(checkpoint, dtype, plan)
            check_memory(*needed, free_memory(device), 1 / checkpoint.frame_rate)
        model = BatchedModel(checkpoint, slots, device, dtype, plan, prompt_cache=settings.voice_memory * 2**20)
        report("load", "voices and roles", None)
        catalogue = open_catalogue(persona_options(settings), checkpoint, model, settings.model)
    except ValueError as error:
        raise LoadError(f"{settings.model}: {error}") from error
    except DoesNotFit as full:
        raise LoadError(_too_many_slots(full)) from None
    except torch.cuda.OutOfMemoryError as error:
        raise LoadError(
            f"the memory of {device} ran out while {settings.model} was made ready: free some, or lower MOSHI_SLOTS, "
            f"which is {settings.slots}, or MOSHI_CONTEXT"
        ) from error
    usual = catalogue.prompt(Persona(catalogue.default or next(iter(catalogue.voices), None)))
    return LoadedCheckpoint(model, slots is not None, usual, name, str(kernels), checkpoint.commit, catalogue)


def persona_options(settings: Settings) -> PersonaOptions:
    """The settings of voices and roles."""
    return PersonaOptions(
        settings.voices,
        settings.state_dir / "voices",
        settings.default_voice,
        settings.presets,
        settings.text_prompts,
        settings.prompt_tokens,
    )


def check_cpu(weights: int, settings: Settings) -> None:
    """Look whether a CPU can be in time.

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


def check_memory(weight_bytes: int, slot_bytes: int, free: int, frame_seconds: float, reserve: int = RESERVE) -> None:
    """Look whether the GPU holds the weights and at least one conversation.

    Args:
        weight_bytes, slot_bytes: memory that the weights and one conversation take.
        free: bytes that are free on the GPU, of which calculations need `reserve`.
        frame_seconds: how long a frame lasts.
    Raises:
        LoadError: not even one conversation fits beside the weights, or the weights do not.
    """
    needed = weight_bytes + slot_bytes + reserve
    if needed <= free:
        return
    if weight_bytes + reserve < free:
        advice = "MOSHI_CONTEXT makes a conversation smaller"
    else:
        seconds = weight_bytes / PCIE
        advice = (
            "a smaller model or a larger GPU is needed; weights kept in the host's memory would have to cross PCIe for "
            f"each frame of {frame_seconds:g} s, which takes {seconds:.1f} s"
        )
    raise LoadError(
        f"the GPU has {_size(free)} free, and the weights take {_size(weight_bytes)}, a conversation "
        f"{_size(slot_bytes)} and calculations {_size(reserve)}: {advice}"
    )


def _device(settings: Settings) -> torch.device:
    try:
        return choose_device(settings.device)
    except NoSuchGPU as missing:
        raise LoadError(
            f"MOSHI_DEVICE={settings.device} but PyTorch {torch.__version__} sees {missing.gpus} GPUs here; "
            "check the driver with nvidia-smi, or set MOSHI_DEVICE=cpu"
        ) from None


def _too_many_slots(full: DoesNotFit) -> str:
    wanted = full.wanted
    takes = f"{_size((wanted or 1) * full.slot_bytes)} beside the weights, {_size(full.slot_bytes)} a conversation"
    asked = f"MOSHI_SLOTS={wanted} takes {takes}" if wanted else f"one conversation takes {takes}"
    advice = f"{full.fitting} would fit: lower MOSHI_SLOTS" if full.fitting else "none fits: free some memory"
    return f"{asked}, and {_size(full.free)} are free for it; {advice} or MOSHI_CONTEXT"


def _size(number: int) -> str:
    return f"{number / GIB:.2f} GiB" if number >= GIB / 10 else f"{number / 2**20:.1f} MiB"
