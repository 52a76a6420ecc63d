"""The images as an operator gets them: built, opened, and run by their own configuration."""

import json
import re
import shutil
import ssl
import struct
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from nix.conftest import IMAGES
from nix.image_contract import check, read
from support import container
from support.container import SITE_PACKAGES, Container, Image
from support.flake import Flake
from support.services import free_port

ROOT = Path(__file__).parents[2]
ArchiveOf = Callable[[str], Path]


@pytest.mark.parametrize("service", ["moshi", "frontend"])
def test_an_image_keeps_its_contract(flake: Flake, archive_of: ArchiveOf, service: str) -> None:
    declared = flake.evaluate(f"{IMAGES.format(service)}.imageConfig")
    assert check(archive_of(service), declared) == []


def test_the_contract_notices(archive_of: ArchiveOf) -> None:
    configuration, _ = read(archive_of("frontend"))
    assert check(archive_of("frontend"), {"User": "0:0"}) == ["User is '1000:1000', the flake says '0:0'"]
    assert configuration["config"]["User"] == "1000:1000"


def test_a_driver_in_a_folder_that_only_cdi_knows_is_in_the_cache_that_the_c_library_reads(
    archive_of: ArchiveOf, tmp_path: Path
) -> None:
    """As on WSL 2. A container engine mounts the driver and has ldconfig write the cache, as here."""
    with tarfile.open(archive_of("moshi")) as image:
        manifest = json.load(image.extractfile("manifest.json"))  # type: ignore[arg-type]
        with tarfile.open(fileobj=image.extractfile(manifest[0]["Layers"][-1])) as layer:
            layer.extractall(tmp_path, filter=lambda member, _: member.replace(uid=None, gid=None, deep=False))
    folder = "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1"
    driver = tmp_path / folder.lstrip("/") / "libcuda.so.1.1"
    driver.parent.mkdir(parents=True)
    shutil.copy(SITE_PACKAGES / "torch/lib/libtorch_global_deps.so", driver)
    subprocess.run(["patchelf", "--set-soname", "libcuda.so.1", driver], check=True)
    configuration = tmp_path / "etc/ld.so.conf.d/00-nvcr-1.conf"
    configuration.parent.mkdir(parents=True, exist_ok=True)
    configuration.write_text(f"{folder}\n")
    subprocess.run(["/sbin/ldconfig", "-r", tmp_path], check=True, capture_output=True)

    (read_by_the_c_library,) = tmp_path.rglob("*-glibc/etc/ld.so.cache")
    target = tmp_path / read_by_the_c_library.readlink().relative_to("/")
    said = subprocess.run(["/sbin/ldconfig", "-p", "-C", target], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert f"=> {folder}/libcuda.so.1" in said


@pytest.mark.parametrize("name", ["frontend-image", "moshi-image", "unit"])
def test_a_check_of_the_flake_passes_in_a_sandbox(flake: Flake, name: str) -> None:
    """The builder sees its inputs and nothing else of this machine: no Python on PATH, no /usr/bin/env, no network."""
    flake.build(f"checks.x86_64-linux.{name}")


DT_RPATH, DT_RUNPATH = 15, 29


def library_paths(object_: Path) -> set[int]:
    """Which of the two kinds of library paths an ELF file of 64 bits has: DT_RPATH, DT_RUNPATH."""
    data = object_.read_bytes()
    (start,) = struct.unpack_from("<Q", data, 0x20)
    size, count = struct.unpack_from("<HH", data, 0x36)
    found = set()
    for header in range(start, start + size * count, size):
        kind, _, offset, _, _, length = struct.unpack_from("<IIQQQQ", data, header)
        if kind == 2:  # PT_DYNAMIC
            found = {struct.unpack_from("<q", data, entry)[0] for entry in range(offset, offset + length, 16)}
    return found & {DT_RPATH, DT_RUNPATH}


def test_a_wheels_library_paths_stay_before_ld_library_path(flake: Flake) -> None:
    """LD_LIBRARY_PATH comes after DT_RPATH but before DT_RUNPATH: another CUDA there would replace PyTorch's own."""
    flake.build("packages.x86_64-linux.moshi-backend")
    tree = Path(flake.evaluate("packages.x86_64-linux.moshi-backend", "it: (builtins.head it.below).outPath"))
    compared = 0
    for original in SITE_PACKAGES.rglob("*.so*"):
        made = tree / "lib/python3.12/site-packages" / original.relative_to(SITE_PACKAGES)
        if made.is_file() and library_paths(original) == {DT_RPATH}:
            assert library_paths(made) == {DT_RPATH}, made
            compared += made.read_bytes() != original.read_bytes()
    assert compared, "no library got a path"


@pytest.mark.parametrize(
    "output", ["page", "vendored-moshi", "moshi-backend", "moshi-frontend", "frontend-image.archive"]
)
def test_what_is_built_twice_is_the_same_to_the_bit(flake: Flake, output: str) -> None:
    flake.build(f"packages.x86_64-linux.{output}")
    done = flake.run("build --no-link --rebuild", f"packages.x86_64-linux.{output}")
    assert done.returncode == 0, done.stderr


def test_the_page_is_the_one_that_make_builds(flake: Flake) -> None:
    made = ROOT / "frontend/src/moshi_frontend/static"
    done = subprocess.run(
        ["diff", "--recursive", flake.build("packages.x86_64-linux.page"), made], stdout=subprocess.PIPE, text=True
    )
    assert done.stdout == ""


def test_a_change_of_our_code_is_one_small_layer(archive_of: ArchiveOf, changed_flake: Flake, tmp_path: Path) -> None:
    before, _ = read(archive_of("moshi"))
    module = changed_flake.source / "moshi/src/moshi_backend/__init__.py"
    module.write_text(module.read_text() + "# changed\n")
    changed = tmp_path / "changed.tar"
    container.write_archive(changed_flake.build(IMAGES.format("moshi")), changed)
    after, layers = read(changed)

    old, new = set(before["rootfs"]["diff_ids"]), after["rootfs"]["diff_ids"]
    moved = [layer for digest, layer in zip(new, layers, strict=True) if digest not in old]
    assert [layer.store_paths() for layer in moved] == [{"moshi-backend"}]
    assert sum(member.size for member in moved[0].members.values()) < 10_000_000


@pytest.fixture(scope="module")
def images(archive_of: ArchiveOf, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    return {name: container.unpack(archive_of(name), tmp_path_factory.mktemp(name)) for name in ("moshi", "frontend")}


@pytest.fixture
def volumes(tmp_path: Path) -> dict[str, Path]:
    places = {"/var/lib/scenario6": tmp_path / "state", "/var/cache/huggingface": tmp_path / "cache"}
    for folder in places.values():
        folder.mkdir()
    tmp_path.chmod(0o755)
    return places


def is_ready(url: str, authority: Path | None = None) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            verify = ssl.create_default_context(cafile=authority) if authority else True
            return httpx.get(f"{url}/health", verify=verify, trust_env=False).status_code == 200
        except (httpx.HTTPError, OSError):
            return False

    return ask


def owner_and_state(one: Container) -> tuple[set[str], str, str]:
    """The process's user and group numbers, its capabilities, and its number in its own container."""
    status = Path(f"/proc/{one.pid}/status").read_text()
    numbers = {number for field in ("Uid", "Gid") for number in re.search(rf"^{field}:(.*)$", status, re.M)[1].split()}  # type: ignore[index]
    capabilities = re.search(r"^CapEff:\s*(\w+)$", status, re.M)
    inside = re.search(r"^NSpid:.*\s(\d+)$", status, re.M)
    assert capabilities and inside
    return numbers, capabilities[1], inside[1]


def test_both_images_hold_a_conversation_as_a_user_without_rights_on_a_root_that_cannot_be_written(
    images: dict[str, Image], volumes: dict[str, Path], tmp_path: Path
) -> None:
    state = volumes["/var/lib/scenario6"]
    shared = {"/var/lib/scenario6": state}
    authority = state / "tls" / "ca.pem"
    moshi_port, port = free_port(), free_port()
    moshi_settings = {"MOSHI_PORT": str(moshi_port), "MOSHI_SLOTS": "2", "MOSHI_LOG_FORMAT": "json"}
    frontend_settings = {
        "FRONTEND_PORT": str(port),
        "MOSHI_URL": f"https://localhost:{moshi_port}",
        "FRONTEND_MOSHI_CA": "/var/lib/scenario6/tls/ca.pem",
    }
    with (
        container.running(images["moshi"], moshi_settings, volumes, tmp_path / "moshi.log") as moshi,
        container.running(images["frontend"], frontend_settings, shared, tmp_path / "frontend.log") as frontend,
    ):
        moshi.wait_until(is_ready(f"https://localhost:{moshi_port}", authority))
        frontend.wait_until(is_ready(f"http://localhost:{port}"))
        for one in (moshi, frontend):
            assert owner_and_state(one) == ({"1000"}, "0000000000000000", "1")
        assert "<title>" in httpx.get(f"http://localhost:{port}/", trust_env=False).text

        report = tmp_path / "talk.json"
        talk = subprocess.run(
            [sys.executable, "-m", "loadtest", f"ws://localhost:{port}/api/chat", "--seconds", "3", "--json", report],
            capture_output=True,
            text=True,
        )
        assert talk.returncode == 0, talk.stderr
        figures = json.loads(report.read_text())["figures"]
        assert (figures["served"], figures["deficit_frames"], figures["goodput"]) == (1, 0, 1.0)

        assert (frontend.stop(), moshi.stop()) == (0, 0)
    written = {path.relative_to(state).as_posix() for path in state.rglob("*")}
    assert written == {"tls", "tls/ca.pem", "tls/ca-key.pem", "tls/cert.pem", "tls/key.pem"}
    assert list(volumes["/var/cache/huggingface"].iterdir()) == []
    lines = (tmp_path / "moshi.log").read_text().splitlines()
    assert lines and all(json.loads(line)["message"] for line in lines)


def test_a_wrong_setting_stops_the_container_with_one_line(
    images: dict[str, Image], volumes: dict[str, Path], tmp_path: Path
) -> None:
    with container.running(images["moshi"], {"MOSHI_PORT": "many"}, volumes, tmp_path / "log") as moshi:
        assert moshi.process.wait(30) == 3
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_the_doctor_runs_in_the_image(images: dict[str, Image], volumes: dict[str, Path], tmp_path: Path) -> None:
    with container.running(images["moshi"], {}, volumes, tmp_path / "log", command=["doctor", "--json"]) as moshi:
        assert moshi.process.wait(60) in (0, 1)
    findings = json.loads((tmp_path / "log").read_text())
    assert findings
