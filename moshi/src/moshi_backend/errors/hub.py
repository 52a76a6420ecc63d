"""Errors of finding and downloading a checkpoint."""

from moshi_service.errors import Row

_KEPT = "what has been downloaded is kept"


@Row(
    cause="the name has a typing error, or this process does not see the folder",
    remedy="correct the name; in a container, mount the folder",
)
def model_unknown(model: str) -> str:
    return f"MOSHI_MODEL={model!r} is neither demo, nor a folder here, nor a repository like owner/name"


@Row(cause="hubs do not say which of the two applies", remedy="check the name's spelling in a browser")
def repository_missing(page: str) -> str:
    return f"{page} does not exist, or is private and HF_TOKEN may not read it: check MOSHI_MODEL and HF_TOKEN"


@Row(cause="the model is gated", remedy="[accept the licence](../how-to/weights.md#a-licence)")
def licence_not_accepted(repository: str, page: str) -> str:
    return (
        f"{repository} asks for its licence to be accepted: log in at {page}, accept it there, and set HF_TOKEN to a "
        "token of that account"
    )


_token = Row(
    cause="the token is revoked or mistyped, or it is a fine-grained token without this repository",
    remedy="make a new token that may *read*",
)


@_token
def token_unknown(hub: str) -> str:
    return f"{hub} does not know the token in HF_TOKEN: make a new one there"


@_token
def token_without_access(page: str) -> str:
    return f"HF_TOKEN may not read {page}: give the token access to it, or use another one"


@Row(
    cause="the revision belongs to another repository",
    remedy="leave the variable unset for the newest revision",
)
def revision_missing(revision: str | None, page: str) -> str:
    return f"MOSHI_REVISION={revision!r} is no branch, tag or commit of {page}"


_network = Row(
    cause="the network, the proxy, the login page of a network, or the hub itself fails",
    remedy="start again; the download continues where it stopped",
)


@_network
def hub_unreachable(hub: str) -> str:
    return f"{hub} cannot be reached or fails: check the network and HTTPS_PROXY, then start again; {_KEPT}"


@_network
def hub_failed(hub: str, status: object) -> str:
    return f"{hub} answered {status}: start again later; {_KEPT}"


@_network
def download_incomplete(page: str) -> str:
    return f"a file of {page} came incomplete: start again; {_KEPT}"


@Row(
    cause="the cache belongs to another user, or never was complete",
    remedy="check the `HF_HOME` that the message names",
)
def cache_incomplete(repository: str, cache: str) -> str:
    return (
        f"{repository} is not complete in the cache {cache}, and HF_HUB_OFFLINE forbids to download the rest: unset "
        "it, or set HF_HOME to the cache that has it"
    )


@Row(
    cause="the disk is too small for the download",
    remedy="free some space, or set `HF_HOME` to a folder on a larger disk",
)
def disk_too_small(needed: float, free: float, cache: str) -> str:
    return (
        f"the download takes {needed:.1f} GiB and {free:.1f} GiB are free in {cache}: free some, or set HF_HOME to a "
        "folder on a larger disk"
    )


@Row(
    cause="the folder belongs to another user, or is read-only",
    remedy="set `HF_HOME`; in a container, `chown` the volume to 1000:1000",
)
def cache_unwritable(cache: str, why: object) -> str:
    return f"cannot write to the cache {cache}: {why}; set HF_HOME to a folder that can be written"


_from_cache = Row(
    cause="the hub, the network or the token fails, and the cache has the model",
    remedy="nothing; with `HF_HUB_OFFLINE=1` the service does not ask the hub",
)


@_from_cache
def taken_from_cache(repository: str, hub: str, why: object) -> str:
    return f"{repository} is taken from the cache: {hub} cannot be asked ({why})"


@_from_cache
def extra_file_unreachable(name: str, repository: str, why: object) -> str:
    return f"{name} of {repository} is not in the cache and cannot be downloaded now: {why}"


@Row(cause="the cache has a PersonaPlex without its voices", remedy="unset `HF_HUB_OFFLINE` once")
def extra_file_offline(name: str, repository: str) -> str:
    return f"{name} of {repository} is not in the cache, and HF_HUB_OFFLINE forbids to download it"


@Row(cause="only the doctor says so", remedy="nothing, or copy the missing file")
def not_in_cache(name: str, repository: str, cache: str) -> str:
    return f"{name} of {repository} is not in the cache {cache}: it is downloaded at the next start"
