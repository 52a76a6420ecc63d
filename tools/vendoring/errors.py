"""Errors of tools/update_moshi.sh. `moshi_service.errors` explains these tables."""

from moshi_service.errors import Row


@Row(
    cause="the network or the proxy fails, or the index lacks the release",
    remedy="check pip's index settings; or copy the archive to this machine and use `sync --archive FILE`",
)
def release_not_downloaded(what: str, why: str) -> str:
    return f"pip could not get {what} ({why}); check the network and pip's index settings, or use --archive FILE"


_broken = Row(
    cause="the archive is missing, cut short, changed, or of another release",
    remedy="download it again. If the message stays, do not use the archive",
)


@_broken
def archive_differs(archive: object, digest: str, pinned: str) -> str:
    return f"{archive} has sha256 {digest}, not {pinned}: truncated, changed or another release; get it again"


@_broken
def archive_damaged(why: object) -> str:
    return f"the archive is no wheel, damaged or truncated ({why}); get it again"


@_broken
def archive_of_another_release(inside: str, version: str) -> str:
    return f"the archive is moshi {inside}, not {version}; name the archive of that release"


@_broken
def pin_malformed(key: str, value: object, form: str) -> str:
    return f"{key} {value!r} does not look like one ({form}); correct it"


_harmful = Row(cause="no release of Moshi looks like that", remedy="do not use it")


@_harmful
def archive_file_name(name: str) -> str:
    return f"the archive has {name!r}, which is unsafe, no plain file, or there twice; do not use it"


@_harmful
def archive_too_large(most: int) -> str:
    return f"the archive unpacks to more than {most} bytes; do not use it"


@_harmful
def archive_incomplete() -> str:
    return "the archive lacks the package or its licence; is it a release?"


@_harmful
def dependency_malformed(why: object) -> str:
    return f"a dependency of the release is not understood ({why}); is it a release?"


_edited = Row(
    cause="somebody edited a placed file",
    remedy="write a [patch](../how-to/upgrading-moshi.md#write-a-patch) of the edit, or throw the edit away with "
    "`sync --force`",
)


@_edited
def local_changes(folder: object, change: str) -> str:
    return f"local changes in {folder}: {change}; move them away, or throw them away with sync --force"


@Row(cause="an update or a rollback is one commit", remedy="commit or stash the changes")
def uncommitted_changes(paths: str) -> str:
    return f"{paths} has changes that are not committed; commit or stash them first"


_pin = Row(
    cause="somebody edited a file that the tool writes, or an update was cut short",
    remedy="`git restore MOSHI_VERSION third_party/moshi`, then `tools/update_moshi.sh sync`",
)


@_pin
def pins_differ() -> str:
    return "MOSHI_VERSION and UPSTREAM.json name different releases; restore both from git"


@_pin
def manifest_differs(archive: str, path: str) -> str:
    return f"{archive} and UPSTREAM.json disagree on {path}; restore that from git"


@_pin
def pin_unreadable(path: object, why: object) -> str:
    return f"{path} cannot be read ({why}); restore it from git"


_patch = Row(
    cause="the patch is for another release, or changes a file that it may not change", remedy="rewrite the patch"
)


@_patch
def patch_does_not_apply(name: str, why: str) -> str:
    return f"{name} does not apply: {why}; rewrite it for this release"


@_patch
def patch_makes_file(name: str) -> str:
    return f"a patch makes {name}, which is no file of the package; patches change only that"


@Row(cause="git is missing, or this folder is not a clone", remedy="install git, or clone the repository")
def git_failed(command: str, why: object) -> str:
    return f"git {command} failed ({why}); is this a checkout?"


@Row(
    cause="git's history on this machine does not have this pin",
    remedy="`git fetch --unshallow`; or `update` to that release",
)
def pin_not_recorded(wanted: str, known: str, advice: str) -> str:
    return f"{wanted} (recorded: {known}); {advice}"


@Row(cause="the release came under other terms", remedy="let somebody examine the terms first")
def licence_file(what: str, accepted: str) -> str:
    return f"{what} is not an accepted licence ({accepted}); have it looked at, then add it to generated.py"


@Row(cause="the interface, the tokens or the tests changed", remedy="read the report, then decide")
def release_differs(found: str) -> str:
    return f"not as before: {found}. Nothing was changed; --accept goes on nevertheless"


_set_up = Row(
    cause="set-up did not run; or a full disk or missing rights stopped it",
    remedy="follow the message",
)


@_set_up
def package_missing(name: str | None) -> str:
    return f"{name} is not installed here; run make setup-tests first"


@_set_up
def system_failed(why: object) -> str:
    return f"{why}; put that right and run it again"
