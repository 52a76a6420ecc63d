"""Checks of the model's weights: the token, the access, the disk, the clock."""

import shutil
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import requests
from huggingface_hub import HfApi, constants, get_token, hf_hub_url

from moshi_backend.checkpoint.folders import is_folder
from moshi_backend.doctor.finding import Finding, fault
from moshi_backend.doctor.machine import writable
from moshi_backend.errors import LoadError, brief
from moshi_backend.errors import doctor as errors
from moshi_backend.settings import Settings

ANSWER_SECONDS = 2.0

CLOCK_SECONDS = 300
"""By how much this machine's clock may be wrong: certificates and tokens depend on it."""

DOWNLOAD_GIB = 16
"""What the released 7B checkpoint takes, with the codec."""


def checks(settings: Settings) -> list[Finding]:
    """Nothing of a hub is needed for the demo or a folder, and little of it for a model that is in the cache."""
    try:
        local = is_folder(settings.model)
    except LoadError:  # a folder that this process may not read: the check of the weights says so
        local = True
    if settings.model == "demo" or local:
        why = f"MOSHI_MODEL={settings.model} needs no download"
        weights = _weights(settings)[0] if local else Finding("weights", "skipped", why)
        return [
            weights,
            *(Finding(name, "skipped", why) for name in ("hub token", "licence", "disk", "cache", "clock")),
        ]
    weights, cached = _weights(settings)
    answer = None if constants.HF_HUB_OFFLINE else _ask(settings)
    return [
        weights,
        _token(cached),
        _licence(settings, answer, cached),
        _disk(cached),
        _cache(cached),
        _clock(answer),
    ]


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


def _weights(settings: Settings) -> tuple[Finding, bool]:
    """What loading will say of the files, and whether they are all here. PyTorch, which loading needs, takes seconds to
    import."""
    from moshi_backend.checkpoint.download import NotCached
    from moshi_backend.checkpoint.locate import find_checkpoint
    from moshi_backend.model.support import check_support

    try:
        found = find_checkpoint(settings.model, settings.revision, lora=settings.lora, download=False)
        check_support(found)
    except NotCached as missing:
        if constants.HF_HUB_OFFLINE:
            return fault("weights", "failed", missing.problem, "unset HF_HUB_OFFLINE, or set HF_HOME"), False
        return fault("weights", "warning", missing.problem), False
    except LoadError as error:
        return fault("weights", "failed", error.problem, "the service would not start with them"), True
    except Exception as error:  # as in loading
        problem = errors.weights_unreadable(brief(error))
        return fault("weights", "failed", problem, "copy or download them again"), True
    commit = f" (commit {found.commit})" if found.commit else ""
    return Finding("weights", "ok", f"{found.moshi_weights.parent}{commit}"), True


def _cache(complete: bool) -> Finding:
    """Only a download writes to it."""
    folder = Path(constants.HF_HUB_CACHE)
    return Finding("cache", "ok", f"{folder} is complete") if complete else writable("cache", folder, "HF_HOME")


def _token(cached: bool) -> Finding:
    if (token := get_token()) is None:
        return fault("hub token", "warning", errors.token_unset(), "set it if the model asks for a licence")
    if constants.HF_HUB_OFFLINE:
        return Finding("hub token", "skipped", "set; HF_HUB_OFFLINE forbids to try it")
    try:
        name = HfApi().whoami(token)["name"]
    except requests.RequestException as error:
        if error.response is not None and error.response.status_code in (401, 403):
            return fault("hub token", _unless(cached), errors.token_refused(constants.ENDPOINT), "make a new one there")
        return fault("hub token", "warning", errors.token_untried(constants.ENDPOINT), "check the network")
    return Finding("hub token", "ok", f"of {name}")


def _licence(settings: Settings, answer: requests.Response | None, cached: bool) -> Finding:
    page = f"{constants.ENDPOINT}/{settings.model}"
    if constants.HF_HUB_OFFLINE:
        return Finding("licence", "skipped", "HF_HUB_OFFLINE forbids to ask for it")
    if answer is None:
        problem = errors.repository_unreachable(page)
        if cached:
            return Finding("licence", "skipped", problem.text)
        return fault("licence", "failed", problem, "check the network and HTTPS_PROXY")
    if answer.headers.get("X-Error-Code") == "GatedRepo":
        fix = f"log in at {page} and accept it, then set HF_TOKEN to a token of that account"
        return fault("licence", _unless(cached), errors.licence_missing(), fix)
    if answer.status_code in (401, 403, 404):
        fix = "check MOSHI_MODEL, MOSHI_REVISION and HF_TOKEN"
        return fault("licence", _unless(cached), errors.repository_unreadable(page), fix)
    return Finding("licence", "ok", f"{page} may be read")


def _unless(cached: bool) -> Literal["warning", "failed"]:
    """A fault of the hub's side does not matter for a start from the cache."""
    return "warning" if cached else "failed"


def _disk(cached: bool) -> Finding:
    folder = Path(constants.HF_HUB_CACHE)
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 2**30
    detail = f"{free:.0f} GiB free in {folder}"
    if cached or free >= DOWNLOAD_GIB:
        return Finding("disk", "ok", detail)
    return fault("disk", "failed", errors.disk_small(detail, DOWNLOAD_GIB), "free some, or set HF_HOME")


def _clock(answer: requests.Response | None) -> Finding:
    if answer is None or "Date" not in answer.headers:
        return Finding("clock", "skipped", "nothing to compare it with")
    off = (datetime.now(UTC) - parsedate_to_datetime(answer.headers["Date"])).total_seconds()
    if abs(off) > CLOCK_SECONDS:
        return fault("clock", "failed", errors.clock_wrong(off), "set it: certificates and tokens depend on it")
    return Finding("clock", "ok", f"{abs(off):.0f} s off")
