"""The flake of this checkout, on a nixpkgs made of this machine's own programs (tests/nix/nixpkgs)."""

import json
import os
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
TOO_LARGE = ("scenario6-torch", "scenario6-development")
"""Trees that a test does not make again: 3 GB to fetch, 5 GB on disk."""


def host() -> dict[str, Any]:
    """What the stand-in for nixpkgs is made of."""
    return {
        "placeholders": TOO_LARGE,
        "environment": sys.prefix,
        "python": str(Path(sys._base_executable).resolve()),  # type: ignore[attr-defined]
        "uv": shutil.which("uv") or str(ROOT / ".bootstrap/bin/uv"),
        "pip": str(STATE / "pip/bin/pip"),
        "node": shutil.which("node"),
        "npm": shutil.which("npm"),
        "home": str(Path.home()),
        "archives": str(Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "scenario6/vendor"),
        "path": "/usr/bin:/bin",
    }


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
                *overrides,
                f"{address}#{output}",
                *arguments,
            ],
            env=environment,
            cwd=cwd,
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
