"""Patches: applied exactly, or refused with the place; never outside of the package."""

import os
from pathlib import Path

import pytest

from support.vendored import FIRST, PATCH, git
from vendoring.patches import apply
from vendoring.pin import Refused

LINES = b"".join(b"line %d\n" % number for number in range(40))
FILES = FIRST | {"moshi/long.py": LINES}
TWO_HUNKS = b"""\
--- a/moshi/long.py
+++ b/moshi/long.py
@@ -1,3 +1,4 @@
+first
 line 0
 line 1
 line 2
@@ -31,3 +32,3 @@
 line 30
-line 31
+line thirty-one
 line 32
"""
NEW_FILE = b"--- /dev/null\n+++ b/%s\n@@ -0,0 +1 @@\n+new = 1\n"


def test_they_build_on_each_other_in_the_order_of_their_names() -> None:
    second = b'--- a/moshi/lm.py\n+++ b/moshi/lm.py\n@@ -1,2 +1,2 @@\n-"""Patched."""\n+"""Twice."""\n class Model:\n'
    patched = apply({"0001.patch": PATCH, "0002.patch": second}, FILES)
    assert patched["moshi/lm.py"].startswith(b'"""Twice."""\n')
    assert {name: data for name, data in patched.items() if name != "moshi/lm.py"} == {
        name: data for name, data in FILES.items() if name != "moshi/lm.py"
    }
    with pytest.raises(Refused, match=r"0002\.patch does not apply: patch failed: moshi/lm\.py:1"):
        apply({"0002.patch": second, "0003.patch": PATCH}, FILES)


def test_files_come_and_go() -> None:
    gone = b"--- a/moshi/lm.py\n+++ /dev/null\n@@ -1,3 +0,0 @@\n" + b"".join(
        b"-" + line for line in FILES["moshi/lm.py"].splitlines(keepends=True)
    )
    patched = apply({"1.patch": NEW_FILE % b"moshi/new.py", "2.patch": gone}, FILES)
    assert patched.keys() == FILES.keys() - {"moshi/lm.py"} | {"moshi/new.py"}


def test_a_conflict_names_the_file_and_the_line() -> None:
    changed = LINES.replace(b"line 31", b"line 31 and more")
    with pytest.raises(Refused) as refusal:
        apply({"0007-long.patch": TWO_HUNKS}, FILES | {"moshi/long.py": changed})
    assert str(refusal.value) == (
        "0007-long.patch does not apply: patch failed: moshi/long.py:31; rewrite it for this release"
    )


def test_a_hunk_that_has_moved_is_found_but_none_is_guessed() -> None:
    moved = apply({"1.patch": TWO_HUNKS}, FILES | {"moshi/long.py": LINES.replace(b"line 9\n", b"line 9\nmore\n")})
    assert b"line thirty-one" in moved["moshi/long.py"]
    near = LINES.replace(b"line 30\n", b"line thirty\n")
    with pytest.raises(Refused, match=r"failed: moshi/long\.py:31;"):
        apply({"1.patch": TWO_HUNKS}, FILES | {"moshi/long.py": near})


@pytest.mark.parametrize(
    ("patch", "reason"),
    [
        (PATCH.replace(b"lm.py", b"absent.py"), r"moshi/absent\.py: No such file"),
        (b"no patch\n", "does not apply"),
        (NEW_FILE % b"pyproject.toml", "no file of the package"),
        (NEW_FILE % b"../../out.py", "does not apply"),
        (NEW_FILE % b"LICENSE.mine", "no file of the package"),
        (b"--- a/LICENSE\n+++ b/LICENSE\n@@ -1 +1 @@\n-MIT License\n+Ours\n", "LICENSE: No such file"),
    ],
    ids=["absent", "no patch", "outside of the package", "outside of everything", "new licence", "changed licence"],
)
def test_what_a_patch_must_not_do(patch: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        apply({"1.patch": patch}, FILES)


def test_the_repository_around_and_the_users_settings_do_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "config").write_text("[apply]\n\twhitespace = error-all\n")
    (tmp_path / ".gitattributes").write_text("* text eol=crlf\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_DIR", os.fspath(tmp_path / ".git"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    patched = apply({"1.patch": PATCH.replace(b"Patched.", b"Patched.  ").replace(b'  """', b'"""  ')}, FILES)
    assert patched["moshi/lm.py"].splitlines()[0] == b'"""Patched."""  '
