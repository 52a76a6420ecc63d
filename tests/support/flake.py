"""The flake of this checkout, on a nixpkgs made of this machine's own programs (tests/nix/nixpkgs)."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STAND_IN = ROOT / "tests" / "nix" / "nixpkgs"
STATE = ROOT / ".state" / "nix"
INPUTS = ("nixpkgs", "nixpkgs-cuda")
TOOLS = (
    "awk base64 basename bunzip2 bzip2 cat chmod chown cmp comm cp cut date dd diff dirname du env expr false"
    " file find fold grep gunzip gzip head id install join ln ls make md5sum mkdir mkfifo mktemp mv nl nproc od"
    " paste patch patchelf printf pwd readlink realpath rm rmdir sed seq sha256sum sha512sum shuf sleep sort split"
    " stat tac tail tar tee test timeout touch tr true truncate tsort uname unexpand uniq unxz wc whoami xargs xz"
    " yes"
).split()
"""What nixpkgs' stdenv puts on every builder's PATH, and no more: no Python, no git."""
PACKAGED = "bash bwrap chromium curl espeak-ng fakeroot git jq make patchelf skopeo sox umoci".split()
"""Packages of the stand-in that are one program of this machine."""


def program(name: str) -> str:
    """The file itself, behind links such as Debian's alternatives."""
    return str(Path(shutil.which(name, path="/usr/bin:/bin") or f"/usr/bin/{name}").resolve())


def host() -> dict[str, Any]:
    """What the stand-in for nixpkgs is made of."""
    npm = shutil.which("npm")
    return {
        "programs": {name: program(name) for name in (*TOOLS, *PACKAGED)},
        "tools": TOOLS,
        "environment": str(Path(sys.prefix).resolve()),
        "python": str(Path(sys._base_executable).resolve()),  # type: ignore[attr-defined]
        "uv": str(Path(shutil.which("uv") or ROOT / ".bootstrap/bin/uv").resolve()),
        "pip": str(STATE / "pip/bin/pip"),
        "node": shutil.which("node"),
        "npm": npm and str(Path(npm).resolve()),
        "home": str(Path.home()),
    }


def sandbox() -> list[str]:
    """Nix's options for a sandbox that shows a builder the programs above, this machine's libraries, and nothing else.

    `relaxed`: the stand-in says which of its own builders run outside. A `?` marks a path that may be missing.
    """
    made_of = host()
    shown = {*made_of["programs"].values(), made_of["uv"], made_of["environment"], made_of["python"]}
    shown |= {str(Path(sys.base_prefix).resolve())} if sys.base_prefix != "/usr" else set()
    if made_of["npm"]:
        shown |= {str(Path(made_of["node"]).resolve()), made_of["node"], str(Path(made_of["npm"]).parents[1])}
    libraries = ["/usr/lib", "/lib=/usr/lib", "/lib64=/usr/lib64"]
    folders = {Path("/usr/lib"), *map(Path, shown)}
    alone = sorted(path for path in shown if folders.isdisjoint(Path(path).parents))
    paths = [f"/bin/sh={program('sh')}", *libraries, *(f"{path}?" for path in alone)]
    return ["--option", "sandbox", "relaxed", "--option", "sandbox-paths", " ".join(paths)]


@dataclass(frozen=True)
class Flake:
    """A copy of the checkout as git would give it to Nix: what is tracked, and what is new and not ignored."""

    nix: Path
    source: Path
    nixpkgs: Path
    revision: str | None = None

    @property
    def store(self) -> Path:
        return STATE / "store"

    @classmethod
    def of_checkout(cls, folder: Path) -> "Flake":
        command = subprocess.run([ROOT / "tests/nix/get-nix", STATE], check=True, stdout=subprocess.PIPE, text=True)
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        source = folder / "source"
        for name in listing.stdout.split("\0"):
            if (ROOT / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, source / name)
        nixpkgs = folder / "nixpkgs"
        shutil.copytree(STAND_IN, nixpkgs)
        (nixpkgs / "host.json").write_text(json.dumps(host()))
        return cls(Path(command.stdout.strip()), source, nixpkgs)

    def run(
        self,
        verb: str,
        output: str,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        input: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """`nix VERB .#OUTPUT ARGUMENTS`, whatever its exit code."""
        address = f"git+file:{self.source}" if self.revision else f"path:{self.source}"
        overrides = [] if self.revision else self._overrides
        return subprocess.run(
            [
                self.nix,
                *verb.split(),
                "--offline",
                "--no-write-lock-file",
                *sandbox(),
                *overrides,
                *([f"{address}#{output}"] if output else [] if verb == "fmt" else [address]),
                *arguments,
            ],
            env=environment,
            cwd=cwd,
            input=input,
            text=True,
            capture_output=True,
        )

    @property
    def _overrides(self) -> list[str]:
        return [word for name in INPUTS for word in ("--override-input", name, f"path:{self.nixpkgs}")]

    def run_expression(self, expression: str) -> Any:
        """The value of an expression that may read any file."""
        done = subprocess.run(
            [self.nix, "eval", "--json", "--impure", "--expr", expression], check=True, stdout=subprocess.PIPE
        )
        return json.loads(done.stdout)

    def committed(self) -> "Flake":
        """The same as a git repository with everything committed, and the stand-in in its flake.lock.

        Nix does not say the revision of a checkout whose inputs are overridden.
        """
        subprocess.run(
            [self.nix, "flake", "lock", "--offline", *self._overrides, f"path:{self.source}"],
            check=True,
            capture_output=True,
        )
        for command in (
            ["init", "--quiet"],
            ["add", "--all"],
            ["-c", "user.name=Test", "-c", "user.email=test@localhost", "commit", "--quiet", "--message", "All"],
        ):
            subprocess.run(["git", *command], cwd=self.source, check=True)
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=self.source, check=True, stdout=subprocess.PIPE, text=True
        )
        return replace(self, revision=head.stdout.strip())

    def evaluate(self, output: str, apply: str = "it: it") -> Any:
        """The value of a Nix function of an output."""
        done = self.run("eval --json", output, "--apply", apply)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def build(self, output: str) -> Path:
        """The store path of an output, made."""
        done = self.run("build --no-link --print-out-paths -L", output)
        assert done.returncode == 0, done.stderr[-4000:]
        return Path(done.stdout.strip())
