"""Errors of the GPU, of memory, and of steps that fail."""

from moshi_service.errors import Row

_gpu = Row(
    cause="there is no driver, the container has no GPU, or `CUDA_VISIBLE_DEVICES` hides it",
    remedy="run `nvidia-smi`; start the container with `--gpus all` or `--device nvidia.com/gpu=all`",
)


@_gpu
def gpu_missing(device: str, pytorch: str, gpus: int) -> str:
    return (
        f"MOSHI_DEVICE={device} but PyTorch {pytorch} sees {gpus} GPUs here; check the driver with nvidia-smi, or set "
        "MOSHI_DEVICE=cpu"
    )


@_gpu
def gpu_not_seen(device: str, pytorch: str, gpus: int) -> str:
    return f"MOSHI_DEVICE={device} but PyTorch {pytorch} sees {gpus} GPUs here"


@Row(
    cause="a CPU would be many times too slow",
    remedy="fix the GPU; for a trial, set `MOSHI_ALLOW_SLOW=true`",
)
def cpu_too_slow(model: str, gigabytes: float, pytorch: str) -> str:
    return (
        f"{model} has {gigabytes:.1f} GB of weights, and PyTorch {pytorch} sees no GPU that it can use: a CPU would "
        "answer many times too slowly. See what moshi-backend doctor says of the GPU, or set MOSHI_ALLOW_SLOW=true to "
        "try all the same"
    )


_gpu_memory = Row(
    cause="not even one conversation fits",
    remedy="end other programs on the GPU, use a smaller `MOSHI_CONTEXT`, or use a larger GPU",
)


@_gpu_memory
def gpu_memory_for_no_conversation(free: str, weights: str, conversation: str, calculations: str) -> str:
    return (
        f"the GPU has {free} free, and the weights take {weights}, a conversation {conversation} and calculations "
        f"{calculations}: MOSHI_CONTEXT makes a conversation smaller"
    )


@_gpu_memory
def gpu_memory_for_no_weights(
    free: str, weights: str, conversation: str, calculations: str, frame_seconds: float, seconds: float
) -> str:
    return (
        f"the GPU has {free} free, and the weights take {weights}, a conversation {conversation} and calculations "
        f"{calculations}: a smaller model or a larger GPU is needed; weights kept in the host's memory would have to "
        f"cross PCIe for each frame of {frame_seconds:g} s, which takes {seconds:.1f} s"
    )


_slots = Row(
    cause="that many conversations do not fit",
    remedy="use a smaller `MOSHI_SLOTS` or `MOSHI_CONTEXT`, or `MOSHI_SLOTS=auto`",
)


@_slots
def too_many_slots(wanted: int, total: str, each: str, free: str, fitting: int) -> str:
    return (
        f"MOSHI_SLOTS={wanted} takes {total} beside the weights, {each} a conversation, and {free} are free for it; "
        f"{fitting} would fit: lower MOSHI_SLOTS or MOSHI_CONTEXT"
    )


@_slots
def wanted_slots_do_not_fit(wanted: int, total: str, each: str, free: str) -> str:
    return (
        f"MOSHI_SLOTS={wanted} takes {total} beside the weights, {each} a conversation, and {free} are free for it; "
        "none fits: free some memory or lower MOSHI_CONTEXT"
    )


@_slots
def no_slot_fits(each: str, free: str) -> str:
    return (
        f"one conversation takes {each} beside the weights, {each} a conversation, and {free} are free for it; "
        "none fits: free some memory or lower MOSHI_CONTEXT"
    )


@Row(
    cause="the estimate was too low, or another program took the GPU's memory meanwhile",
    remedy="use a smaller `MOSHI_SLOTS` or `MOSHI_CONTEXT`; `nvidia-smi` lists the programs on the GPU",
)
def memory_ran_out(device: object, model: str, slots: object) -> str:
    return (
        f"the memory of {device} ran out while {model} was made ready: free some, or lower MOSHI_SLOTS, which is "
        f"{slots}, or MOSHI_CONTEXT"
    )


@Row(
    cause="in the log: a step takes too long, because there are too many slots for this machine",
    remedy="use `MOSHI_SLOTS=auto`, or fewer slots",
)
def steps_too_slow(pace: str, slots: int, device: object) -> str:
    return f"{pace} with {slots} slots on {device}"


_step = Row(
    cause="the model or the GPU failed, and its conversations end",
    remedy="read the next lines of the log and the driver's messages (`dmesg`). If the log says `ready` again, the "
    "service continues",
)


@_step
def step_hangs(seconds: float) -> str:
    return f"a step has not returned for {seconds:.0f} s"


@_step
def step_failed(why: object) -> str:
    return f"a step failed: {why}"


@Row(
    cause="after an error of CUDA a process cannot use the GPU any more",
    remedy="restart the service; report the log",
)
def engine_lost(why: object) -> str:
    return f"a step failed, and so did the next: {why}"


@Row(
    cause="the model or the GPU failed. The service reports `failed` and accepts no more conversations",
    remedy="restart the service; report the log",
)
def engine_failed(why: object) -> str:
    return f"the engine failed: {why}"


@Row(
    cause="the service has no explanation for this failure",
    remedy="set `MOSHI_LOG_LEVEL=debug`, and report the log",
)
def phase_failed(phase: str, why: object) -> str:
    return f"the model failed in phase {phase} ({why}): MOSHI_LOG_LEVEL=debug says where"
