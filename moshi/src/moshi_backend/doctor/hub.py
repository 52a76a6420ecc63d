"""Checks of the model's weights: the token, the access, the disk, the clock."""

import json
import shutil
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from huggingface_hub import HfApi, constants, get_token, hf_hub_url, try_to_load_from_cache

from moshi_backend.doctor.finding import Finding
from moshi_backend.doctor.machine import writable
from moshi_backend.settings import Settings

ANSWER_SECONDS = 2.0

CLOCK_SECONDS = 300
"""By how much this machine's clock may be wrong: certificates and tokens depend on it."""

DOWNLOAD_GIB = 16
"""What the released 7B checkpoint takes, with the codec."""


def checks(settings: Settings) -> list[Finding]:
    """Nothing of a hub is needed for the demo or a folder."""
    if settings.model == "demo" or Path(settings.model).is_dir():
        why = f"MOSHI_MODEL={settings.model} needs no download"
        return [Finding(name, "skipped", why) for name in ("weights", "hub token", "licence", "disk", "cache", "clock")]
    cached = _is_cached(settings)
    answer = None if constants.HF_HUB_OFFLINE else _ask(settings)
    return [
        _weights(settings, cached),
        _token(),
        _licence(settings, answer, cached),
        _disk(cached),
        writable("cache", Path(constants.HF_HUB_CACHE), "HF_HOME"),
        _clock(answer),
    ]


def _is_cached(settings: Settings) -> bool:
    config = try_to_load_from_cache(settings.model, "config.json", revision=settings.revision)
    if not isinstance(config, str):
        return False
    content = json.loads(Path(config).read_text())
    return all((Path(config).parent / str(content.get(key, ""))).is_file() for key in ("moshi_name", "mimi_name"))


def _ask(settings: Settings) -> requests.Response | None:
    token = get_token()
    try:
        return requests.head(
            hf_hub_url(settings.model, "config.json", revision=settings.revision),
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=ANSWER_SECONDS,
        )
    except (OSError, ValueError):
        return None


def _weights(settings: Settings, cached: bool) -> Finding:
    if cached:
        return Finding("weights", "ok", f"{settings.model} is in {constants.HF_HUB_CACHE}")
    if constants.HF_HUB_OFFLINE:
        return Finding("weights", "failed", "not in the cache, and HF_HUB_OFFLINE is set", "unset it, or set HF_HOME")
    return Finding("weights", "warning", f"{settings.model} will be downloaded on the first start")


def _token() -> Finding:
    if (token := get_token()) is None:
        return Finding("hub token", "warning", "HF_TOKEN is not set", "set it if the model asks for a licence")
    if constants.HF_HUB_OFFLINE:
        return Finding("hub token", "skipped", "set; HF_HUB_OFFLINE forbids to try it")
    try:
        name = HfApi().whoami(token)["name"]
    except requests.HTTPError:
        return Finding("hub token", "failed", f"{constants.ENDPOINT} does not know it", "make a new one there")
    except OSError:
        return Finding("hub token", "warning", f"{constants.ENDPOINT} cannot be reached to try it", "check the network")
    return Finding("hub token", "ok", f"of {name}")


def _licence(settings: Settings, answer: requests.Response | None, cached: bool) -> Finding:
    page = f"{constants.ENDPOINT}/{settings.model}"
    if answer is None:
        status, fix = ("skipped", "") if cached else ("failed", "check the network and HTTPS_PROXY")
        return Finding("licence", "skipped" if status == "skipped" else "failed", f"{page} cannot be reached", fix)
    if answer.headers.get("X-Error-Code") == "GatedRepo":
        fix = f"log in at {page} and accept it, then set HF_TOKEN to a token of that account"
        return Finding("licence", "failed", "not accepted with this token", fix)
    if answer.status_code in (401, 403, 404):
        fix = "check MOSHI_MODEL, MOSHI_REVISION and HF_TOKEN"
        return Finding("licence", "failed", f"{page} does not exist, or may not be read with this token", fix)
    return Finding("licence", "ok", f"{page} may be read")


def _disk(cached: bool) -> Finding:
    folder = Path(constants.HF_HUB_CACHE)
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 2**30
    detail = f"{free:.0f} GiB free in {folder}"
    if cached or free >= DOWNLOAD_GIB:
        return Finding("disk", "ok", detail)
    return Finding("disk", "failed", f"{detail}; a 7B model takes {DOWNLOAD_GIB}", "free some, or set HF_HOME")


def _clock(answer: requests.Response | None) -> Finding:
    if answer is None or "Date" not in answer.headers:
        return Finding("clock", "skipped", "nothing to compare it with")
    off = (datetime.now(UTC) - parsedate_to_datetime(answer.headers["Date"])).total_seconds()
    if abs(off) > CLOCK_SECONDS:
        return Finding("clock", "failed", f"{off:.0f} s off", "set it: certificates and tokens depend on it")
    return Finding("clock", "ok", f"{abs(off):.0f} s off")
