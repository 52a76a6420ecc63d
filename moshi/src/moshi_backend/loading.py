"""Loads the model that the settings name, phase by phase."""

import logging
from dataclasses import dataclass

import torch

from moshi_backend.checkpoint.folders import public_name
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.engine.engine import Loaded
from moshi_backend.engine.observer import Report
from moshi_backend.errors import LoadError, brief
from moshi_backend.errors import checkpoints as checkpoint_errors
from moshi_backend.errors import kernels as kernel_errors
from moshi_backend.errors import memory as errors
from moshi_backend.model.batch import BatchedModel, required_memory
from moshi_backend.model.capacity import GIB, RESERVE, DoesNotFit
from moshi_backend.model.device import NoSuchGPU, choose_device, choose_dtype, free_memory
from moshi_backend.model.kernels.selfcheck import try_kernels
from moshi_backend.model.plan import Plan
from moshi_backend.model.support import check_support
from moshi_backend.personas.catalogue import Catalogue, Persona
from moshi_backend.personas.loading import PersonaOptions, open_catalogue
from moshi_backend.settings import Settings
from moshi_service.errors import InvalidValue, Problem

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
        raise LoadError(checkpoint_errors.loading_failed(settings.model, brief(error))) from error


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
        log.warning(kernel_errors.kernels_not_used(kernels.failed))
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
        why = error.problem if isinstance(error, InvalidValue) else error
        raise LoadError(checkpoint_errors.model_unusable(settings.model, why)) from error
    except DoesNotFit as full:
        raise LoadError(_too_many_slots(full)) from None
    except torch.cuda.OutOfMemoryError as error:
        raise LoadError(errors.memory_ran_out(device, settings.model, settings.slots)) from error
    except RuntimeError as error:
        if kernels.kernels is None or "CUDA error" not in str(error):
            raise
        raise LoadError(kernel_errors.gpu_broken_by_kernel(brief(error))) from error
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
        raise LoadError(errors.cpu_too_slow(settings.model, weights / 1e9, torch.__version__))


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
    sizes = _size(free), _size(weight_bytes), _size(slot_bytes), _size(reserve)
    if weight_bytes + reserve < free:
        raise LoadError(errors.gpu_memory_for_no_conversation(*sizes))
    raise LoadError(errors.gpu_memory_for_no_weights(*sizes, frame_seconds, weight_bytes / PCIE))


def _device(settings: Settings) -> torch.device:
    try:
        return choose_device(settings.device)
    except NoSuchGPU as missing:
        raise LoadError(errors.gpu_missing(settings.device, torch.__version__, missing.gpus)) from None


def _too_many_slots(full: DoesNotFit) -> Problem:
    each, free = _size(full.slot_bytes), _size(full.free)
    if not full.wanted:
        return errors.no_slot_fits(each, free)
    total = _size(full.wanted * full.slot_bytes)
    if full.fitting:
        return errors.too_many_slots(full.wanted, total, each, free, full.fitting)
    return errors.wanted_slots_do_not_fit(full.wanted, total, each, free)


def _size(number: int) -> str:
    return f"{number / GIB:.2f} GiB" if number >= GIB / 10 else f"{number / 2**20:.1f} MiB"
