"""Checks of this machine: Python, PyTorch, the GPU, audio, ports, certificate, and what containers need."""

import ctypes
import importlib.util
import platform
import runpy
import shutil
import socket
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from moshi_backend.doctor.finding import Finding, fault
from moshi_backend.errors import doctor as errors
from moshi_backend.errors import memory as memory_errors
from moshi_backend.settings import Settings
from moshi_service.errors import StartupError
from moshi_service.listening import certificate, listen

CUDA = "12.1"

NEWEST_CAPABILITY = (9, 0)
"""Of the GPUs that PyTorch's build for CUDA 12.1 has code for: Hopper."""

COMMAND_SECONDS = 2.0


def python() -> Finding:
    version = platform.python_version()
    if version.startswith("3.12."):
        return Finding("python", "ok", version)
    return fault("python", "failed", errors.python_version(version), "run make setup with Python 3.12")


def pytorch(settings: Settings) -> list[Finding]:
    """PyTorch itself, and the device that the settings come to. PyTorch takes 3 s to import, so that is left out where
    there is no driver and so nothing that it could see."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return [fault("torch", "failed", errors.torch_missing(), _LOCK)]
    about = runpy.run_path(str(Path(spec.origin).with_name("version.py")))
    words = errors.torch_build(about["__version__"], about["cuda"])
    well = about["cuda"] == CUDA
    findings = [Finding("torch", "ok", words.text) if well else fault("torch", "warning", words, _LOCK)]
    if not _has_driver():
        if settings.device.startswith("cuda"):
            words = errors.driver_missing(settings.device)
            return [*findings, fault("gpu", "failed", words, "install the driver, or set MOSHI_DEVICE=cpu")]
        return [*findings, _cpu(settings)]
    import torch

    from moshi_backend.model.device import NoSuchGPU, choose_device

    try:
        device = choose_device(settings.device)
    except NoSuchGPU as missing:
        words = memory_errors.gpu_not_seen(settings.device, torch.__version__, missing.gpus)
        return [*findings, fault("gpu", "failed", words, "nvidia-smi must list the GPU, or set MOSHI_DEVICE=cpu")]
    if device.type == "cpu":
        return [*findings, _cpu(settings)]
    properties = torch.cuda.get_device_properties(device)
    memory = properties.total_memory / 2**30
    return [*findings, gpu(properties.name, memory, (properties.major, properties.minor))]


def _has_driver() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def gpu(name: str, memory: float, capability: tuple[int, int]) -> Finding:
    """`memory`: GiB."""
    about = f"{name}, {memory:.0f} GiB, compute capability {capability[0]}.{capability[1]}"
    if capability > NEWEST_CAPABILITY:
        return fault("gpu", "failed", errors.gpu_too_new(about, CUDA), _NEWER)
    if capability < (8, 0):
        return fault("gpu", "warning", errors.gpu_without_bfloat16(about), "set MOSHI_DTYPE=float16")
    return Finding("gpu", "ok", about)


def _cpu(settings: Settings) -> Finding:
    late = SEVEN_B_BYTES / _copying_speed() / 0.08
    problem = errors.no_gpu(_driver(), late)
    small = settings.model == "demo" or settings.allow_slow
    return fault("gpu", "warning" if small else "failed", problem, "for a 7B model, nvidia-smi must list a GPU")


def _copying_speed() -> float:
    """Bytes a second that this machine's memory delivers to one core: no model is faster."""
    import numpy as np

    source = np.ones(2**25, dtype=np.uint8)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        source.sum(dtype=np.uint8)
        best = min(best, time.perf_counter() - began)
    return source.nbytes / best


SEVEN_B_BYTES = 15.4e9
_LOCK = "run make setup: moshi/requirements.lock has the build for CUDA 12.1"
_NEWER = "it needs a PyTorch for CUDA 12.8 or newer, which this release has not; set MOSHI_DEVICE=cpu for the demo"


def _driver() -> str:
    """What the driver says, if there is one."""
    said = _run("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader")
    return f" (but nvidia-smi lists {said})" if said else ""


def opus() -> Finding:
    import numpy as np
    import sphn

    try:
        pages = sphn.OpusStreamWriter(24_000).append_pcm(np.zeros(1920, np.float32))
        sphn.OpusStreamReader(24_000).append_bytes(bytes(pages))
    except Exception as error:  # a broken build may fail in any way
        return fault("opus", "failed", errors.opus_broken(error), "run make clean, then make setup")
    return Finding("opus", "ok", "encodes and decodes")


def port(settings: Settings) -> Finding:
    try:
        listen(settings).close()
    except StartupError as error:
        problem = replace(error.problem, text=error.problem.text.partition(";")[0])
        return fault("port", "failed", problem, "stop what uses it, or set MOSHI_PORT")
    return Finding("port", "ok", f"{settings.host} port {settings.port} is free")


def tls(settings: Settings) -> Finding:
    if settings.tls == "off":
        return Finding("certificate", "skipped", "MOSHI_TLS=off")
    try:
        found = certificate(settings)
        assert found is not None
        leaf = x509.load_pem_x509_certificate(found.chain.read_bytes())
    except (StartupError, ValueError) as error:
        problem = error.problem if isinstance(error, StartupError) else errors.certificate_unreadable(error)
        return fault("certificate", "failed", problem, "set MOSHI_TLS=auto, or correct the files")
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    said = ", ".join(str(name.value) for name in names)
    left = (leaf.not_valid_after_utc - datetime.now(UTC)).days
    ends = errors.certificate_ends(said, left)
    if left < 0:
        return fault("certificate", "failed", ends, "renew the files of MOSHI_TLS_CERT and MOSHI_TLS_KEY")
    return Finding("certificate", "ok", ends.text) if left > 14 else fault("certificate", "warning", ends, "renew it")


def containers() -> list[Finding]:
    """Needed only to run the images."""
    there = [name for name in ("docker", "podman") if shutil.which(name)]
    # Docker's command may be there without its daemon: only this asks both.
    runtime = next((name for name in there if _run(name, "version")), None)
    if runtime is None:
        what = f"no answer from {' or '.join(there)}" if there else "neither docker nor podman"
        why = f"{what}; needed only for the images"
        return [Finding("container runtime", "skipped", why), Finding("nvidia toolkit", "skipped", why)]
    toolkit = _run("nvidia-ctk", "--version")
    return [
        Finding("container runtime", "ok", _run(runtime, "--version")),
        Finding("nvidia toolkit", "ok", toolkit)
        if toolkit
        else Finding("nvidia toolkit", "skipped", "no nvidia-ctk; needed only for a GPU in containers"),
    ]


def aspire() -> list[Finding]:
    """Needed only for `aspire run`."""
    found = []
    for check, command in (("aspire cli", "aspire"), (".net sdk", "dotnet")):
        version = _run(command, "--version")
        found.append(
            Finding(check, "ok", version)
            if version
            else Finding(check, "skipped", f"no {command}; needed only for `aspire run`")
        )
    return found


def _run(*command: str) -> str:
    """The first line that it prints; nothing if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip().partition("\n")[0]


def state_folder(settings: Settings) -> Finding:
    """Where the certificate is kept must be writable."""
    return writable("state folder", settings.state_dir, "MOSHI_STATE_DIR")


def writable(check: str, folder: Path, variable: str) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{socket.gethostname()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = errors.folder_unwritable(folder, error.strerror)
        return fault(check, "failed", problem, f"set {variable} to a folder that can be")
    return Finding(check, "ok", str(folder))
