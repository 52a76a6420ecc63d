"""The compiled kernels are those of the sources, and the assembler made of them what a GPU runs fast."""

import filecmp
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from moshi_backend.model.kernels.specs import ARCHITECTURES, SPECS

ROOT = Path(__file__).parents[5]
COMPILED = ROOT / "moshi/src/moshi_backend/model/kernels/compiled"
TYPES = {"i32": "u32", "fp32": "f32"}

type Report = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernels")
    command: list[str | Path] = [sys.executable, ROOT / "tools/kernels.py", "--output", folder / "compiled"]
    subprocess.run([*command, "--report", folder / "report.json"], check=True)
    return folder


@pytest.fixture(scope="module")
def report(rebuilt: Path) -> Report:
    found: Report = json.loads((rebuilt / "report.json").read_text())
    return found


def test_compiling_again_gives_the_same_bytes(rebuilt: Path) -> None:
    """If this fails after a change of the sources: `make kernels`."""
    names = sorted(str(file.relative_to(COMPILED)) for file in COMPILED.rglob("*") if file.is_file())
    assert names == sorted(
        ["manifest.json", *(f"sm_{architecture}/{name}.cubin" for architecture in ARCHITECTURES for name in SPECS)]
    )
    same, differing, missing = filecmp.cmpfiles(COMPILED, rebuilt / "compiled", names, shallow=False)
    assert (same, differing, missing) == (names, [], [])


def test_no_kernel_spills(report: Report) -> None:
    """Registers that do not suffice would go to memory, once for each key."""
    assert {file: figures["stack"] + figures["local"] for file, figures in report.items()} == dict.fromkeys(report, 0)


def test_a_multiprocessor_holds_several_programs_of_each_kernel(report: Report) -> None:
    """Of 65,536 registers, so that some programs calculate while others wait for memory."""
    for file, figures in report.items():
        threads = 32 * SPECS[Path(file).stem].warps
        assert 65_536 // (threads * figures["registers"]) >= (4 if "attention" in file else 2), file


def test_keys_and_values_are_read_16_bytes_at_a_time(report: Report) -> None:
    """In each turn of the loop a thread reads BLOCK rows' share: 32 bytes of bfloat16 keys, four times, or half."""
    for file, figures in report.items():
        wide = figures["accesses"].get("ld.global.v4.b32", 0)
        if "decode_attention" in file:
            assert wide == (4 if "int8" in file else 8), file
        elif "sample" not in file:  # it takes vocabularies of any size, so its rows may begin anywhere
            assert wide > 0, file


def test_the_parameters_are_in_the_order_that_a_launch_gives_them(report: Report) -> None:
    for file, figures in report.items():
        types = SPECS[Path(file).stem].parameters.values()
        assert figures["parameters"] == ["u64" if type_.startswith("*") else TYPES[type_] for type_ in types], file


def test_the_kernels_are_small(report: Report) -> None:
    assert sum(file.stat().st_size for file in COMPILED.rglob("*.cubin")) < 1_000_000
