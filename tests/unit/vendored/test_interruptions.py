"""A change that is cut short, wherever: everything is as before, or everything is as asked."""

from itertools import count
from pathlib import Path

import pytest

from support.vendored import (
    NEXT,
    NOT_TAKEN,
    RELEASED,
    interrupted_at,
    make_archive,
    placed,
    write_pin,
)
from vendoring.checkout import Checkout
from vendoring.cli import main
from vendoring.source import store


def release_waiting(root: Path) -> Checkout:
    """A working copy with RELEASED placed, NEXT pinned, and NEXT in the cache."""
    checkout = Checkout(root)
    checkout.folder.mkdir(parents=True)
    write_pin(checkout, make_archive(RELEASED | NOT_TAKEN), RELEASED)
    assert main(["sync"], checkout) == 0
    data = make_archive(NEXT, top="moshi-1.3")
    store(data)
    write_pin(checkout, data, NEXT, "1.3")
    return checkout


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_sync_that_fails_leaves_the_old_files_or_the_new(tmp_path: Path, error: type[BaseException]) -> None:
    ends: set[str] = set()
    for step in count(1):
        checkout = release_waiting(tmp_path / str(step))
        with interrupted_at(step, error, for_good=False) as tried:
            try:
                code = main(["sync"], checkout)
            except KeyboardInterrupt:
                code = 130
        if len(tried) < step:
            assert code == 0
            break
        assert code != 0
        end = placed(checkout)
        assert end in (RELEASED, NEXT)
        assert not (checkout.folder / ".swap").exists()
        ends.add("old" if end == RELEASED else "new")
    assert ends == {"old", "new"}


def test_a_sync_finishes_what_a_disk_that_stays_broken_left(tmp_path: Path) -> None:
    for step in count(1):
        checkout = release_waiting(tmp_path / str(step))
        with interrupted_at(step, OSError, for_good=True) as tried:
            main(["sync"], checkout)
        assert main(["sync"], checkout) == 0
        assert placed(checkout) == NEXT
        assert main(["verify"], checkout) == 0
        if len(tried) < step:
            break
    assert {"write_bytes", "rename", "replace", "rmtree"} <= {*tried}


def test_an_unfinished_swap_is_said_and_not_taken_for_a_pin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout = release_waiting(tmp_path / "checkout")
    (checkout.folder / ".swap" / "staged").mkdir(parents=True)
    for command in ("verify", "status"):
        assert main([command], checkout) == 3
        assert "was cut short" in capsys.readouterr().err
    assert main(["sync"], checkout) == 0
    assert main(["verify"], checkout) == 0
