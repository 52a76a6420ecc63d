"""`make kernels`: compile the kernels ahead of time, by the compiler that comes with Triton.

It needs no GPU and no C compiler. The same sources, specs and Triton give the same bytes.

Each kernel becomes a file for each architecture, and `manifest.json` holds what a launch needs besides: the shared
memory of a program. `--report` also writes what the assembler says of each kernel, for the tests.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "moshi/src/moshi_backend/model/kernels/compiled"


def main() -> int:
    """Compile; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make kernels", description=__doc__)
    parser.add_argument("--output", type=Path, default=FOLDER)
    parser.add_argument("--report", type=Path, help="where to write registers, spills and loads as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        # No line numbers: they would hold the path of the sources. No cache: it might hold an older kernel.
        os.environ.update(TRITON_CACHE_DIR=cache, TRITON_DISABLE_LINE_INFO="1")
        os.environ.pop("TRITON_INTERPRET", None)
        report = build(given.output)
    if given.report:
        given.report.write_text(json.dumps(report, indent=2) + "\n")
    return 0


def build(folder: Path) -> dict[str, dict[str, object]]:
    """Compile every kernel for every architecture into a folder. Returns what the assembler says of each file."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    from triton.compiler.compiler import AttrsDescriptor

    from moshi_backend.model.kernels import sources
    from moshi_backend.model.kernels.specs import ARCHITECTURES, SPECS

    shutil.rmtree(folder, ignore_errors=True)
    manifest: dict[str, dict[str, int]] = {}
    report: dict[str, dict[str, object]] = {}
    for name, spec in SPECS.items():
        function = getattr(sources, spec.function)
        places = {parameter: place for place, parameter in enumerate(function.arg_names)}
        assert list(function.arg_names) == [*spec.parameters, *spec.constants], name
        aligned = tuple(places[parameter] for parameter in spec.aligned)
        source = ASTSource(
            function,
            {places[parameter]: type_ for parameter, type_ in spec.parameters.items()},
            {places[parameter]: value for parameter, value in spec.constants.items()},
            AttrsDescriptor(aligned, ()),
        )
        for architecture in ARCHITECTURES:
            target = GPUTarget("cuda", architecture, 32)
            made = triton.compile(source, target=target, options={"num_warps": spec.warps, "num_stages": 2})
            file = f"sm_{architecture}/{name}.cubin"
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(made.asm["cubin"])
            manifest[file] = {"shared": made.metadata.shared}
            report[file] = _figures(path, made.asm["ptx"])
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return report


def _figures(cubin: Path, ptx: str) -> dict[str, object]:
    """Registers, stack and local memory of a thread; the types of the parameters; loads and stores by their width."""
    import triton

    dump = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    said = subprocess.run([dump, "--dump-resource-usage", cubin], capture_output=True, text=True, check=True).stdout
    usage = dict(entry.split(":") for entry in said.split("\n") if "REG:" in entry for entry in entry.split())
    parameters = [line.split()[1].removeprefix(".") for line in ptx.splitlines() if line.startswith("\t.param .")]
    widths = [word for word in ptx.split() if word.startswith(("ld.global", "st.global"))]
    return {
        "registers": int(usage["REG"]),
        "stack": int(usage["STACK"]),
        "local": int(usage["LOCAL"]),
        "parameters": parameters,
        "accesses": {width: widths.count(width) for width in sorted(set(widths))},
    }


if __name__ == "__main__":
    sys.exit(main())
