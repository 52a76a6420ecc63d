"""Makes the archive that nixpkgs' streamLayeredImage streams: a layer for each store path, then the image's own files.

As there, the paths that most others need come first, and what does not fit under `maxLayers` shares a layer.
Reads what Nix says of the derivation (structured attributes). Everything is written in one order, with one time.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

EPOCH = 1


def closure_of(path: str, references: dict[str, list[str]]) -> set[str]:
    found: set[str] = set()
    pending = [path]
    while pending:
        if (one := pending.pop()) not in found:
            found.add(one)
            pending += references[one]
    return found


def by_popularity(graph: list[dict[str, Any]]) -> list[str]:
    # The configuration is what the paths were found through; it has a place of its own in the image.
    references = {node["path"]: node["references"] for node in graph if not node["path"].endswith("-image-config")}
    needed_by = dict.fromkeys(references, 0)
    for path in references:
        for other in closure_of(path, references):
            needed_by[other] += 1
    return sorted(references, key=lambda path: (-needed_by[path], path))


def normal(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = EPOCH
    return member


def owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return normal(member)


def layer_of(paths: Iterable[str]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in paths:
            tar.add(path, filter=owned_by_root)
    return data.getvalue()


def own_layer(contents: list[str], commands: str) -> bytes:
    """What is at the top of the image's file system: links to the contents, and what the commands make."""
    root = Path("root")
    for package in contents:
        for source in sorted(Path(package).rglob("*")):
            target = root / source.relative_to(package)
            if source.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.symlink_to(source)
    root.chmod(0o755)
    subprocess.run(["/bin/bash", "-euo", "pipefail", "-c", commands], cwd=root, check=True)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(root, arcname=".", filter=normal)
    return data.getvalue()


def write_image(output: Path, layers: list[bytes], config: dict[str, Any], reference: str) -> None:
    config["rootfs"] = {
        "type": "layers",
        "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers],
    }
    files = {f"{index:03}/layer.tar": layer for index, layer in enumerate(layers)}
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": list(files)}]
    files["config.json"] = json.dumps(config, sort_keys=True).encode()
    files["manifest.json"] = json.dumps(manifest).encode()
    with tarfile.open(output, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(normal(member), io.BytesIO(data))


def main() -> None:
    attributes = json.loads(Path(sys.argv[1]).read_text())
    paths = by_popularity(attributes["closure"])
    alone = attributes["maxLayers"] - 2
    groups = [[path] for path in paths[:alone]] + ([paths[alone:]] if paths[alone:] else [])
    layers = [layer_of(group) for group in groups]
    os.umask(0o022)
    layers.append(own_layer(attributes["contents"], attributes["fakeRootCommands"]))
    write_image(Path(sys.argv[2]), layers, attributes["imageConfig"], attributes["reference"])


if __name__ == "__main__":
    main()
