"""Weights from a hub that speaks the real HTTP interface, by the real client."""

import errno
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from huggingface_hub import constants, file_download

import personaplex_checkpoint
from loadtest.client import converse, encode, noise
from moshi_backend.checkpoint import download
from moshi_backend.checkpoint.locate import NAMES, OPTIONAL, find_checkpoint
from moshi_backend.errors import LoadError
from support.checkpoints import CONFIG, RANDOM_MODEL, configured, in_cache
from support.hub import COMMIT, Hub, running_hub
from support.services import BIN, Service, clean_environment, running_moshi

PATH = "{repo_id}/resolve/{revision}/{filename}"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub(RANDOM_MODEL) as hub:
        yield hub


@pytest.fixture
def cache(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The client reads its variables when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", f"{hub.url}/{PATH}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def fetch(repository: str = "org/model", revision: str | None = None) -> download.Files:
    return download.fetch(repository, revision, NAMES, OPTIONAL, lambda detail, done: None)


def said(repository: str = "org/model", revision: str | None = None) -> str:
    with pytest.raises(LoadError) as caught:
        fetch(repository, revision)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_checkpoint_is_downloaded_once_and_its_commit_is_known(hub: Hub, cache: Path) -> None:
    checkpoint = find_checkpoint("org/model", None)
    assert checkpoint.commit == COMMIT
    assert checkpoint.moshi_weights.read_bytes() == (RANDOM_MODEL / CONFIG["moshi_name"]).read_bytes()
    assert checkpoint.lm_config == find_checkpoint(str(RANDOM_MODEL), None).lm_config
    hub.asked.clear()
    assert find_checkpoint("org/model", None).moshi_weights == checkpoint.moshi_weights
    assert [line for line in hub.asked if line.startswith("GET")] == []


def test_an_interrupted_download_goes_on_where_it_stopped(hub: Hub, cache: Path) -> None:
    """The client writes what comes in pieces of 10 MB; what comes of a smaller one is lost."""
    name = CONFIG["moshi_name"]
    hub.files[name] = bytes(range(250)) * 100_000
    hub.cut[name] = 15_000_000
    assert fetch().named["moshi_name"].read_bytes() == hub.files[name]
    assert f"GET /org/model/resolve/{COMMIT}/{name} bytes={10 * 2**20}-" in hub.asked


def test_a_connection_that_always_breaks_is_given_up(hub: Hub, cache: Path) -> None:
    hub.always_cut = 1000
    hub.files["config.json"] = json.dumps(CONFIG | {"moshi_name": "large"}).encode()
    hub.files["large"] = bytes(200_000)
    assert "cannot be reached or fails" in said()


def test_it_tells_how_much_has_arrived(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "POLL_SECONDS", 0.02)
    told: list[tuple[str, float]] = []

    def progress(detail: str, done: float) -> None:
        told.append((detail, done))
        if 0.3 < done < 0.6:
            hub.gate.set()

    hub.files[CONFIG["moshi_name"]] = bytes(50_000_000)
    hub.gate.clear()
    download.fetch("org/model", None, NAMES, OPTIONAL, progress)
    shares = [done for _, done in told]
    assert shares == sorted(shares)
    assert max(share for share in shares if share < 0.6) > 0.3
    assert re.fullmatch(r"[\d.]+ of 0\.05 GiB, [\d.]+ MiB/s(, \d+ s left)?", told[-1][0])


class Case(NamedTuple):
    status: int
    code: str
    message: str
    words: str


CASES = {
    "gated": Case(
        403, "GatedRepo", "", "asks for its licence to be accepted: log in at http://.*/org/model, .* HF_TOKEN"
    ),
    "gated without a token": Case(401, "GatedRepo", "", "asks for its licence to be accepted"),
    "no repository": Case(401, "RepoNotFound", "", "does not exist, or is private"),
    "bad token": Case(401, "", "Invalid credentials in Authorization header", "does not know the token in HF_TOKEN"),
    "token without access": Case(403, "", "", "HF_TOKEN may not read"),
    "failing": Case(500, "", "", "cannot be reached or fails: .*; what has been downloaded is kept"),
}


@pytest.mark.parametrize("name", CASES)
def test_every_refusal_says_what_to_do(name: str, hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client tries a failing hub five times, for 23 s
    case = CASES[name]
    hub.status, hub.error_code, hub.error_message = case.status, case.code, case.message

    assert re.search(case.words, said())


def test_a_wrong_revision_name_or_file_is_named(hub: Hub, cache: Path) -> None:
    assert said(revision="nope").startswith("MOSHI_REVISION='nope' is no branch, tag or commit of http://")
    assert said("owner/a/b").startswith("MOSHI_MODEL='owner/a/b' is neither demo, nor a folder here")
    del hub.files[CONFIG["mimi_name"]]
    assert f"has no {CONFIG['mimi_name']}, so it is not a Moshi checkpoint" in said()


@pytest.mark.filterwarnings("ignore:Not enough free disk space")  # the client's, of each file alone
def test_no_network_and_no_room_are_told_apart(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    assert "GiB are free in" in said()
    monkeypatch.undo()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", f"http://127.0.0.1:1/{PATH}")
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client tries five times, for 23 s
    assert "cannot be reached or fails: check the network" in said("org/other")


def test_a_cache_that_cannot_be_written_is_named(hub: Hub, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert f"cannot write to the cache {cache}" in said()


def no_way(what: str, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every request to the hub fail."""
    elsewhere = {
        "refused": "http://127.0.0.1:1",
        "tls": hub.url.replace("http://", "https://"),
        "no such host": "http://hub.invalid",
    }
    if url := elsewhere.get(what):
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", f"{url}/{PATH}")
    elif what == "proxy":
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "")
    elif what == "socks proxy":
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", "")
    elif what == "login page":
        hub.status = 203
    else:
        hub.status = int(what)


EVERY_WAY = (
    "refused",
    "tls",
    "no such host",
    "proxy",
    "socks proxy",
    "login page",
    "503",
    "500",
    "401",
    "403",
    "407",
    "429",
)


@pytest.mark.parametrize("what", EVERY_WAY)
def test_a_complete_cache_is_enough_however_the_network_fails(
    what: str, hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    there = fetch()
    no_way(what, hub, monkeypatch)
    with caplog.at_level("INFO", "moshi_backend"):
        assert fetch() == there
    (line,) = [record.getMessage() for record in caplog.records if record.name.startswith("moshi_backend")]
    assert line.startswith("[taken-from-cache] org/model is taken from the cache: http")
    assert "\n" not in line
    assert len(line) < 400


@pytest.mark.parametrize("what", EVERY_WAY)
def test_without_the_model_every_such_failure_is_one_line(
    what: str, hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    no_way(what, hub, monkeypatch)
    assert re.search("check the network and HTTPS_PROXY|answered|token|may not read|does not exist", said())


def test_a_cache_that_lacks_a_file_still_needs_the_network(
    hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    fetch().named["mimi_name"].unlink()
    no_way("proxy", hub, monkeypatch)
    assert "cannot be reached or fails: check the network" in said()


def test_an_up_to_date_cache_is_not_written_to(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be on a read-only disk."""
    there = fetch()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("mkdir", "touch", "write_text", "rename"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "makedirs", refuse)
    assert fetch() == there


def test_a_repository_in_a_cache_is_a_folder_too(tmp_path: Path) -> None:
    """By its snapshot or by the repository's folder, without a hub."""
    repository = in_cache(tmp_path, RANDOM_MODEL, "org/model", COMMIT)
    by_snapshot = find_checkpoint(str(repository / "snapshots" / COMMIT), None)
    by_repository = find_checkpoint(str(repository), None)
    assert by_snapshot.commit == by_repository.commit == COMMIT
    assert by_snapshot.moshi_weights.read_bytes() == (RANDOM_MODEL / CONFIG["moshi_name"]).read_bytes()
    (repository / "refs" / "main").unlink()
    assert find_checkpoint(str(repository), None).commit == COMMIT
    with pytest.raises(LoadError, match=rf"has no snapshot of MOSHI_REVISION=other; it has {COMMIT}: set MOSHI_MODEL"):
        find_checkpoint(str(repository), "other")


def test_a_snapshot_of_a_personaplex_asks_no_hub_for_its_voices(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    personaplex_checkpoint.make(tmp_path / "made")
    (tmp_path / "made" / "voices.tgz").unlink()
    repository = in_cache(tmp_path / "hub", tmp_path / "made", "nvidia/personaplex-7b-v1", COMMIT)
    checkpoint = find_checkpoint(str(repository / "snapshots" / COMMIT), None)
    assert checkpoint.kind == "personaplex"


def test_a_personaplex_on_a_hub_may_come_without_voices(hub: Hub, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    personaplex_checkpoint.make(tmp_path / "made")
    hub.files = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir() if path.name != "voices.tgz"}
    checkpoint = find_checkpoint("org/model", None)
    assert (checkpoint.kind, checkpoint.voices) == ("personaplex", None)
    assert any("voices.tgz" in asked for asked in hub.asked)


@pytest.mark.parametrize("name", ["config.json", CONFIG["moshi_name"], CONFIG["mimi_name"], CONFIG["tokenizer_name"]])
def test_a_link_without_its_file_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    snapshot = in_cache(tmp_path, RANDOM_MODEL, "org/model", COMMIT) / "snapshots" / COMMIT
    target = (snapshot / name).readlink()
    (snapshot / name).resolve().unlink()
    with pytest.raises(LoadError) as caught:
        find_checkpoint(str(snapshot), None)
    assert f"{name} is a link to {target}, which is not there: copy the files themselves (cp -rL)" in str(caught.value)


def test_a_folder_of_the_first_release_has_no_configuration(tmp_path: Path) -> None:
    """Like its repository on the hub, it is the 7B model; the random model's weights are not those."""
    for key, name in NAMES.items():
        shutil.copyfile(RANDOM_MODEL / CONFIG[key], tmp_path / name)
    with pytest.raises(LoadError, match=r"model\.safetensors does not fit config\.json"):
        find_checkpoint(str(tmp_path), None)


def test_a_damaged_file_is_named(hub: Hub, cache: Path) -> None:
    hub.files[CONFIG["moshi_name"]] = b"not safetensors" * 100
    with pytest.raises(LoadError, match=rf"{CONFIG['moshi_name']} is damaged .*: delete .*blobs/\w+ and start again"):
        find_checkpoint("org/model", None)


def test_a_damaged_configuration_is_named(hub: Hub, cache: Path) -> None:
    hub.files["config.json"] = b"{"
    assert "config.json is damaged" in said()


def settings(hub: Hub, folder: Path) -> dict[str, str]:
    return {"MOSHI_MODEL": "org/model", "MOSHI_SLOTS": "1", "HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hf")}


@pytest.mark.anyio
async def test_the_service_tells_the_download_and_then_converses(hub: Hub, tmp_path: Path) -> None:
    hub.gate.clear()
    with running_moshi(tmp_path, settings(hub, tmp_path), wait=False) as moshi:
        health = _health_once(moshi, "download")
        assert (health["status"], health["phase"]) == ("starting", "download")
        assert 0 <= health["progress"] < 1
        assert "org/model: 0.00 of" in health["detail"]
        hub.gate.set()
        moshi.wait_for_health()
        assert moshi.get("/api/info").json()["model"] == {"id": "org/model", "revision": COMMIT, "demo": False}
        assert (await converse(moshi.chat, encode(noise(1.0)))).heard


def test_a_service_that_may_not_download_says_what_is_missing(hub: Hub, tmp_path: Path) -> None:
    offline = {**settings(hub, tmp_path), "HF_HUB_OFFLINE": "1"}
    with running_moshi(tmp_path, offline, wait=False) as moshi:
        detail = _health_once(moshi, "resolve", "failed")["detail"]
        assert "is not complete in the cache" in detail
        assert "HF_HUB_OFFLINE forbids" in detail
    assert hub.asked == []


def test_one_command_fills_the_cache_for_services_that_may_not_download(hub: Hub, tmp_path: Path) -> None:
    def fill() -> subprocess.CompletedProcess[str]:
        environment = clean_environment(**settings(hub, tmp_path))
        return subprocess.run([BIN / "moshi-backend", "download"], env=environment, capture_output=True, text=True)

    hub.status, hub.error_code = 403, "GatedRepo"
    refused = fill()
    assert refused.returncode == 3
    assert refused.stdout == ""
    assert "accepted" in refused.stderr.splitlines()[-1]
    hub.status = 200
    filled = fill()
    assert filled.returncode == 0, filled.stderr
    folder = Path(filled.stdout.rstrip("\n"))
    assert (folder / CONFIG["moshi_name"]).read_bytes() == (RANDOM_MODEL / CONFIG["moshi_name"]).read_bytes()
    hub.asked.clear()
    with running_moshi(tmp_path, {**settings(hub, tmp_path), "HF_HUB_OFFLINE": "1"}) as moshi:
        assert moshi.get("/api/info").json()["model"]["revision"] == COMMIT
    assert hub.asked == []


@pytest.mark.parametrize("level", ["info", "debug"])
def test_the_service_tells_a_checkpoint_of_another_size_in_one_line(level: str, tmp_path: Path) -> None:
    folder = configured(tmp_path / "model", dim=128)
    with running_moshi(tmp_path, {"MOSHI_MODEL": str(folder), "MOSHI_LOG_LEVEL": level}, wait=False) as moshi:
        detail = _health_once(moshi, "resolve", "failed")["detail"]
        assert "does not fit config.json" in detail
        assert "\n" not in detail
        assert len(detail) < 600
        assert detail in moshi.log.read_text()
    log = moshi.log.read_text()
    assert ("Traceback" in log) == (level == "debug")
    assert ("urllib3" in log) is False  # libraries may log secrets


def test_the_service_stays_up_with_the_reason_when_it_cannot_have_the_weights(hub: Hub, tmp_path: Path) -> None:
    hub.status, hub.error_code = 403, "GatedRepo"
    secret = "hf_" + "s3cret" * 5
    with running_moshi(tmp_path, {**settings(hub, tmp_path), "HF_TOKEN": secret}, wait=False) as moshi:
        health = _health_once(moshi, "resolve", "failed")
        assert health["status"] == "failed"
        assert "accepted" in health["detail"]
        assert moshi.get("/alive").status_code == 200
        log = moshi.log.read_text()
        assert "Traceback" not in log
        assert secret not in log


def _health_once(moshi: Service, phase: str, status: str = "starting") -> dict[str, Any]:
    """The health when it gets there."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            health: dict[str, Any] = moshi.get("/health").json()
        except OSError:
            continue
        except Exception:
            time.sleep(0.05)
            continue
        if (health["phase"], health["status"]) == (phase, status):
            return health
        time.sleep(0.05)
    raise AssertionError(moshi.log.read_text())
