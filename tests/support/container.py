"""Images as container engines run them: opened by skopeo and umoci, run by bubblewrap as their configuration says.

What nixpkgs would put into the image, and the stand-in for it takes from this machine, is mounted: Python, the C
library, and the trees of packages that are too large to be made again.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.services import START_SECONDS

LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64")
ENGINES_OWN = ("/etc/hosts", "/etc/resolv.conf")
"""What every container engine mounts."""

SETPRIV = "/usr/bin/setpriv"
SITE_PACKAGES = Path(sysconfig.get_path("purelib"))


@dataclass(frozen=True)
class Image:
    """`config` is what the image says of how it is run; `mounts` what it is lent, by path inside."""

    root: Path
    config: dict[str, Any]
    mounts: dict[str, Path]


def write_archive(stream: Path, archive: Path) -> None:
    """What an image's script writes, as `docker load` would read it."""
    with archive.open("wb") as file:
        subprocess.run([stream], check=True, stdout=file)


def unpack(archive: Path, folder: Path) -> Image:
    """The image's file system under `folder`, with places for what is mounted."""
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--quiet", f"docker-archive:{archive}", f"oci:{folder / 'oci'}:image"],
        check=True,
    )
    rootless = [] if os.geteuid() == 0 else ["--rootless"]
    subprocess.run(
        ["umoci", "unpack", *rootless, "--image", f"{folder / 'oci'}:image", folder / "bundle"],
        check=True,
        capture_output=True,
    )
    inspected = subprocess.run(
        ["skopeo", "inspect", "--config", f"docker-archive:{archive}"], check=True, stdout=subprocess.PIPE
    )
    root = folder / "bundle" / "rootfs"
    image = Image(root, json.loads(inspected.stdout)["config"], dict(_lent(root)))
    for inside, outside in image.mounts.items():
        place = root / inside.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir(exist_ok=True) if outside.is_dir() else place.touch()
    (root / "lib").symlink_to("usr/lib")
    (root / "lib64").symlink_to("usr/lib64")
    for name in ("proc", "dev"):
        (root / name).mkdir()
    return image


def _lent(root: Path) -> Iterator[tuple[str, Path]]:
    python = Path(sys.base_prefix).resolve()
    yield str(python), python
    for path in (*LIBRARIES, *ENGINES_OWN, SETPRIV):
        yield path, Path(path).resolve()
    for tree in root.rglob("*-scenario6-torch/lib/python3.12/site-packages"):
        inside = Path("/", tree.relative_to(root))
        for name in pytorch():
            yield str(inside / name), SITE_PACKAGES / name


def pytorch() -> Iterable[str]:
    """The folders of torch, of what it alone needs, and of their metadata, in this environment's site-packages."""
    prefixes = ("torch", "functorch", "triton", "nvidia")
    return sorted(path.name for path in SITE_PACKAGES.iterdir() if path.name.startswith(prefixes))


@dataclass
class Container:
    process: subprocess.Popen[str]
    pid: int
    log: Path

    def wait_until(self, is_ready: Any) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            assert self.process.poll() is None, f"exited with {self.process.returncode}: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"not ready after {START_SECONDS} s: {self.log.read_text()}"
            time.sleep(0.1)

    def stop(self) -> int:
        """The exit code after SIGTERM, which its first process gets as from a container engine."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(20)


@contextmanager
def running(
    image: Image,
    settings: Mapping[str, str],
    volumes: Mapping[str, Path],
    log: Path,
    *,
    command: list[str] | None = None,
) -> Iterator[Container]:
    """The image's own command as its own user, as process 1, without capabilities, on a root that cannot be written."""
    user, group = image.config["User"].split(":")
    environment = dict(entry.split("=", 1) for entry in image.config["Env"]) | dict(settings)
    sandbox: list[str | Path] = [
        "bwrap",
        "--ro-bind",
        image.root,
        "/",
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
    ]
    # The stand-in's store may be anywhere, under /tmp too.
    store = Path(image.config["Entrypoint"][0]).parents[2]
    for folder in reversed(store.parents):
        if folder.parent.is_relative_to("/tmp"):
            sandbox += ["--perms", "0755", "--dir", folder]
    sandbox += ["--ro-bind", image.root / store.relative_to("/"), str(store)]
    for inside, outside in image.mounts.items():
        sandbox += ["--ro-bind", outside, inside]
    for inside, outside in volumes.items():
        sandbox += ["--bind", outside, inside]
    sandbox += ["--clearenv"]
    for variable, value in environment.items():
        sandbox += ["--setenv", variable, value]
    sandbox += ["--unshare-pid", "--as-pid-1", "--chdir", image.config["WorkingDir"]]
    if os.geteuid() == 0:
        drop = [SETPRIV, "--reuid", user, "--regid", group, "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
        sandbox += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP", *drop]
        for outside in volumes.values():
            shutil.chown(outside, int(user), int(group))
    else:
        sandbox += ["--unshare-user", "--uid", user, "--gid", group]
    read, write = os.pipe()
    sandbox[1:1] = ["--info-fd", str(write)]
    run = image.config["Entrypoint"] + (image.config.get("Cmd", []) if command is None else command)
    with log.open("w") as output:
        process = subprocess.Popen(
            [*sandbox, *run], stdout=output, stderr=subprocess.STDOUT, text=True, pass_fds=[write], env={}
        )
    os.close(write)
    with os.fdopen(read) as information:
        said = information.read()
    assert said, f"not started: {log.read_text()}"
    one = Container(process, json.loads(said)["child-pid"], log)
    try:
        yield one
    finally:
        # The first process itself: having changed its user, it does not die with its parent.
        with suppress(ProcessLookupError):
            os.kill(one.pid, signal.SIGKILL)
        process.wait()
