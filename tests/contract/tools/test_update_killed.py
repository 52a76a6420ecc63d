"""An update or rollback whose process is killed, wherever: everything is as before, or everything is as asked."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from support.vendored import PATCH, SECOND, contents, interrupted_at, make_repository, release_archive
from vendoring.checkout import PATCHES, Checkout
from vendoring.cli import main
from vendoring.rollback import rollback
from vendoring.trial import Trial
from vendoring.update import Update, update


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def killed_at(step: int, action: Callable[[], None]) -> bool:
    """Whether the process was killed; it was not when it had no such step."""
    process = os.fork()
    if process == 0:
        try:
            with interrupted_at(step, None, for_good=True):
                action()
            os._exit(0)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    assert code in (0, 9)
    return code == 9


@pytest.mark.parametrize("command", ["update", "rollback"])
def test_a_change_of_pin_that_is_killed_is_as_before_or_complete(tmp_path: Path, command: str) -> None:
    """All tracked and placed files, once another command of the tool has begun: it finishes or undoes first."""
    archive = tmp_path / "moshi-2.0.tar.gz"
    archive.write_bytes(release_archive("2.0", SECOND))

    def change(checkout: Checkout) -> None:
        if command == "update":
            request = Update("2.0", archive)
            update(checkout, request, lambda checkout, pin: Trial())
        else:
            rollback(checkout)

    # The update takes one patch for another, so that files of every kind come, go and change.
    template = make_repository(tmp_path / "template", {"0001-docs.patch": PATCH})
    patches = template.root / PATCHES
    (patches / "0001-docs.patch").rename(patches / "0002-docs.patch")
    if command == "rollback":
        request = Update("2.0", archive)
        update(template, request, lambda checkout, pin: Trial())
    before = contents(template.root)

    ends: list[dict[str, bytes]] = []
    killed = True
    while killed:
        repository = Checkout(tmp_path / f"{command}-{len(ends)}")
        shutil.copytree(template.root, repository.root)
        killed = killed_at(len(ends) + 1, partial(change, repository))
        # Refused, since nothing is recorded under that number; but it has recovered by then.
        assert main(["rollback", "0"], repository) == 3
        assert main(["verify"], repository) == 0
        ends.append(contents(repository.root))
    change(template)
    after = contents(template.root)
    complete = ends.index(after)
    assert 0 < complete < len(ends) - 1
    assert ends == [before] * complete + [after] * (len(ends) - complete)
