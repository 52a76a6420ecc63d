"""Findings of the doctor that are not well."""

from moshi_service.errors import Row


@Row(cause="the environment has another Python", remedy="run `make setup` with Python 3.12")
def python_version(version: str) -> str:
    return f"{version}; the packages are for 3.12"


_torch = Row(cause="the environment differs from the lock", remedy="`make setup`")


@_torch
def torch_missing() -> str:
    return "not installed"


@_torch
def torch_build(version: str, cuda: object) -> str:
    return f"{version}, built for CUDA {cuda}"


@Row(
    cause="the machine has no NVIDIA driver",
    remedy="install the driver, or set `MOSHI_DEVICE=cpu`",
)
def driver_missing(device: str) -> str:
    return f"MOSHI_DEVICE={device}, but there is no NVIDIA driver"


@Row(
    cause="the demo model needs no GPU. If the machine has a GPU, its driver is missing or too old",
    remedy="`nvidia-smi` must list the GPU",
)
def no_gpu(driver: str, late: float) -> str:
    return (
        f"none that PyTorch can use{driver}. On this CPU the demo model is in time; a 7B model would take at least "
        f"{late:.0f} times as long as it has"
    )


@Row(
    cause="the GPU is of the generation Blackwell or later",
    remedy="use another GPU, or the demo on the CPU",
)
def gpu_too_new(gpu: str, cuda: str) -> str:
    return f"{gpu}: newer than what CUDA {cuda} knows"


@Row(cause="the GPU is of the generation Turing or earlier", remedy="set `MOSHI_DTYPE=float16`")
def gpu_without_bfloat16(gpu: str) -> str:
    return f"{gpu}: no bfloat16 in hardware"


@Row(cause="the audio library is damaged", remedy="`make clean`, then `make setup`")
def opus_broken(why: object) -> str:
    return f"sphn cannot encode: {why}"


@Row(cause="a certificate from files ends soon, or has ended", remedy="renew the certificate")
def certificate_ends(names: str, days: int) -> str:
    return f"for {names}; {days} days left"


@Row(
    cause="the certificate's file is damaged",
    remedy="set `MOSHI_TLS=auto`, or correct the files",
)
def certificate_unreadable(why: object) -> str:
    return f"the certificate cannot be read: {why}"


@Row(
    cause="the folder is read-only, or belongs to another user",
    remedy="set the variable that the row names to a writable folder",
)
def folder_unwritable(folder: object, why: object) -> str:
    return f"{folder} cannot be written: {why}"


@Row(
    cause="a file of the model is damaged, and the doctor has no better explanation",
    remedy="copy or download it again",
)
def weights_unreadable(why: object) -> str:
    return f"they cannot be read: {why}"


_hub = Row(
    cause="the hub needs a token or an accepted licence",
    remedy="[weights.md](../how-to/weights.md#a-token)",
)


@_hub
def token_unset() -> str:
    return "HF_TOKEN is not set"


@_hub
def token_refused(hub: str) -> str:
    return f"{hub} does not know it"


@_hub
def licence_missing() -> str:
    return "not accepted with this token"


@_hub
def repository_unreadable(page: str) -> str:
    return f"{page} does not exist, or may not be read with this token"


_network = Row(cause="the network or the proxy fails", remedy="set `HTTPS_PROXY`")


@_network
def token_untried(hub: str) -> str:
    return f"{hub} cannot be reached to try it"


@_network
def repository_unreachable(page: str) -> str:
    return f"{page} cannot be reached"


@Row(
    cause="the disk is too small for the weights",
    remedy="set `HF_HOME` to a folder on a larger disk",
)
def disk_small(free: str, needed: int) -> str:
    return f"{free}; a 7B model takes {needed}"


@Row(cause="certificates and tokens fail with a wrong clock", remedy="set the clock, with NTP")
def clock_wrong(seconds: float) -> str:
    return f"{seconds:.0f} s off"
