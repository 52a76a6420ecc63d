"""Errors of tools/update_moshi.sh. `moshi_service.errors` explains these tables."""

from moshi_service.errors import Row

_NETWORK = "check the network and pip's index settings, or use --archive FILE"
_GIT = "restore it from git"

_index = Row(
    cause="the network or the proxy fails, or a mirror lacks the release",
    remedy="check pip's index settings; or copy the archive to this machine and use `sync --archive FILE`",
)


@_index
def release_not_downloaded(what: str, why: str) -> str:
    return f"pip could not get {what} ({why}); {_NETWORK}"


@_index
def versions_unknown(why: str) -> str:
    return f"the package index did not say which versions there are ({why}); {_NETWORK}"


@_index
def no_pip(python: str) -> str:
    return f"{python} has no pip; use a Python that has, or --archive FILE"


@Row(cause="the release does not exist", remedy="choose one of the releases that the message names")
def release_unknown(version: str, known: str) -> str:
    return f"the package index has no moshi {version}; it has {known}"


_hash = Row(
    cause="the archive is cut short, changed, or of another release",
    remedy="download it again. If the message stays, do not use the archive",
)


@_hash
def archive_differs(archive: object, digest: str, pinned: str) -> str:
    return f"{archive} has sha256 {digest}, not {pinned}: truncated, changed or another release; get it again"


@_hash
def archive_differs_from_request(name: str, digest: str, asked: str) -> str:
    return f"{name} has sha256 {digest}, not {asked}; get it again"


@_hash
def archive_differs_from_record(name: str, digest: str, version: str, recorded: str) -> str:
    return f"{name} has sha256 {digest}, but {version} is recorded with {recorded}; find out why"


_broken = Row(cause="the file is broken or missing", remedy="download it again")


@_broken
def archive_damaged(why: object) -> str:
    return f"the archive is damaged or truncated ({why}); get it again"


@_broken
def archive_unreadable(path: object, why: object) -> str:
    return f"{path} cannot be read ({why}); name the release archive"


_harmful = Row(cause="no release of Moshi looks like that", remedy="do not use it")


@_harmful
def archive_file_twice(name: str) -> str:
    return f"the archive has {name!r} twice; do not use it"


@_harmful
def archive_file_special(name: str) -> str:
    return f"the archive has {name!r}, which is neither a file nor a folder; do not use it"


@_harmful
def archive_file_outside(name: str) -> str:
    return f"the archive has {name!r}, a path outside its own folder; do not use it"


@_harmful
def archive_file_name(name: str) -> str:
    return f"the archive has {name!r}, which is not a safe name for a file; do not use it"


@_harmful
def archive_too_large(most: int) -> str:
    return f"the archive unpacks to more than {most} bytes; do not use it"


@_harmful
def archive_incomplete(archive: str) -> str:
    return f"{archive} lacks the package or its licence; is it a release?"


_wrong = Row(cause="the command names another release than the archive", remedy="correct the command")


@_wrong
def archive_of_another_release(name: str, inside: str, version: str) -> str:
    return f"{name} is moshi {inside}, not {version}; name the archive of that release"


@_wrong
def pin_malformed(key: str, value: str, form: str) -> str:
    return f"{key} {value!r} does not look like one ({form}); correct it"


@_wrong
def archive_unusable(name: str, why: object) -> str:
    return f"{name}: {why}"


_edited = Row(
    cause="somebody edited a placed file",
    remedy="write a [patch](../how-to/upgrading-moshi.md#write-a-patch) of the edit, or throw the edit away with "
    "`sync --force`",
)


@_edited
def local_changes(folder: object, change: str) -> str:
    return f"local changes in {folder}: {change}; move them away, or throw them away with sync --force"


@_edited
def local_changes_before_rollback(folder: str, change: str) -> str:
    return f"local changes in {folder}: {change}; move them away, or sync --force"


@_edited
def not_as_pinned(folder: str, change: str) -> str:
    return f"{folder} is not as pinned: {change}; run update_moshi.sh sync"


@Row(cause="an update or a rollback is one commit", remedy="commit or stash the changes")
def uncommitted_changes(paths: str) -> str:
    return f"{paths} has changes that are not committed; commit or stash them first"


_interrupted = Row(
    cause="the process was killed, the disk was full, or two processes ran at once",
    remedy="run `tools/update_moshi.sh sync`, or wait for the other process",
)


@_interrupted
def update_cut_short() -> str:
    return "an update or sync was cut short; `tools/update_moshi.sh sync` finishes or undoes it"


@_interrupted
def update_running(folder: str) -> str:
    return f"another process is changing {folder}; run this again when it is done"


_pin = Row(cause="somebody edited a file that the tool writes", remedy="restore the file from git")


@_pin
def pins_differ() -> str:
    return "MOSHI_VERSION and UPSTREAM.json name different releases; restore both from git"


@_pin
def manifest_differs(archive: str, path: str) -> str:
    return f"{archive} and UPSTREAM.json disagree on {path}; restore that from git"


@_pin
def pin_fields(path: object, fields: str) -> str:
    return f"{path} must have exactly {fields}; {_GIT}"


@_pin
def pin_unreadable(path: object, why: object) -> str:
    return f"{path} cannot be read ({why}); {_GIT}"


@_pin
def manifest_damaged(path: object, why: object) -> str:
    return f"{path} is damaged ({why!r}); {_GIT}, or else delete it"


_patch = Row(
    cause="the patch is for another release, or changes a file that it may not change", remedy="rewrite the patch"
)


@_patch
def patch_does_not_apply(name: str, where: str) -> str:
    return f"{name} does not apply: {where}; rewrite it for this release"


@_patch
def patch_makes_file(name: str) -> str:
    return f"a patch makes {name}, which is no file of the package; patches change only that"


@_patch
def patch_changes_licence(name: str) -> str:
    return f"a patch changes {name}; a licence is not ours to change"


_git = Row(
    cause="git is missing, or this folder is not a clone",
    remedy="install git, or clone the repository",
)


@_git
def git_missing(why: object) -> str:
    return f"git does not run ({why}); install it"


@_git
def git_missing_for_patches(why: object) -> str:
    return f"git does not run ({why}); patches need it"


@_git
def git_failed(command: str, why: object) -> str:
    return f"git {command} failed ({why}); is this a checkout?"


@Row(
    cause="git's history on this machine does not have this pin",
    remedy="`git fetch --unshallow`; or `update` to that release",
)
def pin_not_recorded(wanted: str, known: str, advice: str) -> str:
    return f"{wanted} (recorded: {known}); {advice}"


_licence = Row(cause="the release came under other terms", remedy="let somebody examine the terms first")

_EXAMINE = "have it looked at, then add it to tools/vendoring/made.py"


@_licence
def licence_declared(archive: str, licence: str, accepted: str) -> str:
    return f"{archive} declares the licence {licence!r}, not one of {accepted}; {_EXAMINE}"


@_licence
def licence_file(name: str, accepted: str) -> str:
    return f"{name} is not an accepted licence ({accepted}); {_EXAMINE}"


@Row(
    cause="the interface, the tokens or the tests changed",
    remedy="read the report, then decide",
)
def release_differs(reason: str, found: str) -> str:
    return f"{reason}: {found}. Nothing was changed; --accept goes on nevertheless"


_dependencies = Row(
    cause="the release needs other versions than ours",
    remedy="change `moshi/pyproject.toml` first",
)


@_dependencies
def dependency_malformed(line: str, why: object) -> str:
    return f"the release asks for {line!r}, which is not understood ({why})"


@_dependencies
def locks_do_not_fit(wrong: str, step: str, why: str) -> str:
    return (
        f"the release does not fit our locks ({wrong}) and tools/{step} found no others: {why}; change "
        "moshi/pyproject.toml first"
    )


_trial = Row(
    cause="somebody removed a test, or the archive has no metadata",
    remedy="restore the test, or name another archive",
)


@_trial
def trial_without_test(name: str) -> str:
    return f"there is no {name} to try the release with"


@_trial
def archive_without_version(name: str) -> str:
    return f"{name} does not say its version; is it a release?"


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
