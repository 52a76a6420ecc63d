"""From settings to a loaded model, phase by phase."""

from moshi_backend.checkpoint import find_checkpoint
from moshi_backend.engine import Loaded, Report
from moshi_backend.model.batch import BatchedModel
from moshi_backend.model.device import choose_device, choose_dtype
from moshi_backend.settings import Settings


def load(settings: Settings, report: Report) -> Loaded:
    """Find the checkpoint (downloading what is not cached) and put it on the device.

    Raises:
        ValueError, OSError, RuntimeError: in words that say what to do, as far as the libraries know.
    """
    device = choose_device(settings.device)
    dtype = choose_dtype(settings.dtype, device)
    report("resolve", f"finding {settings.model}, downloading what is not cached")
    checkpoint = find_checkpoint(settings.model, settings.revision)
    name = str(dtype).removeprefix("torch.")
    report("load", f"{settings.model} as {name} on {device}, {settings.slots} slots")
    slots = None if settings.slots == "auto" else settings.slots
    model = BatchedModel(checkpoint, slots, device, dtype, settings.context)
    return Loaded(model, str(device), name, chosen=slots is not None)
