"""What each image promises, asked of an archive as `docker save` writes it: image_contract.py IMAGE.tar CONFIG.json

Called by the flake's checks on what nixpkgs built, and by the tests on what its stand-in built.
"""

import json
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

MOST_LAYERS = 100  # of the 127 that a container engine takes, some are left to who builds on this image

CACHE = "/etc/ld.so.cache"


@dataclass(frozen=True)
class Layer:
    """`members` by absolute path, in one layer of the image."""

    members: dict[str, tarfile.TarInfo]

    def store_paths(self) -> set[str]:
        """The names of what lies in the Nix store, without hashes."""
        found = set()
        for path in self.members:
            parts = PurePosixPath(path).parts
            if "store" in parts[:-1]:
                found.add(parts[parts.index("store") + 1].split("-", 1)[-1])
        return found


def read(archive: Path) -> tuple[dict[str, Any], list[Layer]]:
    """The configuration, and the layers, the lowest first."""
    with tarfile.open(archive) as image:
        manifest = json.load(_open(image, "manifest.json"))[0]
        configuration = json.load(_open(image, manifest["Config"]))
        layers = []
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=_open(image, name)) as layer:
                layers.append(Layer({"/" + str(PurePosixPath(member.name)).lstrip("/"): member for member in layer}))
    return configuration, layers


def _open(image: tarfile.TarFile, name: str) -> Any:
    file = image.extractfile(name)
    assert file is not None, f"{name} is not in the image"
    return file


def check(archive: Path, declared: dict[str, Any]) -> list[str]:
    """What is wrong, a sentence each."""
    configuration, layers = read(archive)
    config = configuration["config"]
    wrong = []

    def expect(holds: bool, otherwise: str) -> None:
        if not holds:
            wrong.append(otherwise)

    for key, value in declared.items():
        expect(config.get(key) == value, f"{key} is {config.get(key)!r}, the flake says {value!r}")
    user, _, group = config["User"].partition(":")
    expect(user.isdigit() and group.isdigit() and user != "0" and group != "0", "the user is not a number, or is root")

    top = {path: member for layer in layers for path, member in layer.members.items()}
    for volume in config["Volumes"]:
        place = top.get(volume)
        expect(place is not None and place.isdir(), f"the volume {volume} is no folder of the image")
        expect(
            place is None or (str(place.uid), str(place.gid)) == (user, group), f"the volume {volume} is not the user's"
        )
    expect("/tmp" in top and top["/tmp"].mode & 0o7777 == 0o1777, "/tmp is not for everybody")
    variables = dict(entry.split("=", 1) for entry in config["Env"])
    for needed in (variables["SSL_CERT_FILE"], "/etc/passwd", "/etc/group", "/usr/lib/ssl/aspire/private"):
        expect(needed in top, f"{needed} is missing")
    if "NVIDIA_VISIBLE_DEVICES" in variables:
        caches = [member.linkname for path, member in top.items() if "glibc" in path and path.endswith(CACHE)]
        expect(caches == [CACHE], f"the C library does not read the container's {CACHE}, where CDI names the driver")
        expect(CACHE in top and "/etc/ld.so.conf" in top, f"{CACHE} or /etc/ld.so.conf is missing")
    expect(
        not any(member.mode & 0o6000 for member in top.values()), "a program runs as somebody else than who starts it"
    )

    expect(len(layers) <= MOST_LAYERS, f"{len(layers)} layers, more than {MOST_LAYERS}")
    service = PurePosixPath(config["Entrypoint"][0]).parents[1].name.split("-", 1)[-1]
    homes = {name: index for index, layer in enumerate(layers) for name in layer.store_paths()}
    expect(service in homes, f"{service} is in no layer")
    if service in homes:
        alone = layers[homes[service]].store_paths() == {service}
        expect(alone, f"{service} shares its layer: a change of our code would move more than our code")
        for name, index in homes.items():
            if name.startswith("scenario6-"):  # PyTorch, and the other locked packages
                expect(index < homes[service], f"{name} lies over {service}")
    return wrong


def main() -> int:
    wrong = check(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
    for sentence in wrong:
        print(f"image contract: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
