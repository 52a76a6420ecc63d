"""The report: breaking changes of the names of upstream that the backend uses, told from source alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.vendored import MIT, MODEL, make_repository, make_wheel, release_of
from vendoring.api import breaking_changes
from vendoring.generated import make_pin
from vendoring.patches import write_tree
from vendoring.report import report

ROOT = Path(__file__).resolve().parents[3]
UPSTREAM = {
    "moshi/__init__.py": b"from . import models\n",
    "moshi/models/__init__.py": b"from .lm import LM, make as create\nfrom ..parts import Base\n",
    "moshi/models/lm.py": b"""\
from dataclasses import dataclass
from ..parts import Base, Layer
import torch.nn as nn

LIMIT = 5
_private = {"a": 1}


class LM(Base):
    def __init__(self, layer: Layer, head: nn.Module = None, n: int = 8):
        self.layer = layer
        self.head: nn.Module = head

    @property
    def width(self) -> int:
        return 1

    @staticmethod
    def load(path: str, revision: str | None = None) -> "LM":
        pass

    def first(self) -> Layer:
        pass


@dataclass
class Info:
    path: str
    size: int = 0


def make(n: int, *, fast: bool = False) -> LM:
    pass
""",
    "moshi/parts.py": b"class Base:\n    def reset(self, hard: bool = False) -> None:\n        self.clean = hard\n\n\n"
    b"class Layer(Base):\n    def __init__(self, size: int):\n        self.size = size\n",
    "moshi/tts.py": b"class TTS:\n    def width(self):\n        pass\n",
}
USER = b"""\
from moshi import parts
from moshi.models import LM, create
from moshi.models.lm import LIMIT, Info, _private

def f(lm: LM, layer: parts.Layer):
    LM.load("x", revision="y")
    return lm.width, lm.layer.size, lm.reset(), lm.parameters()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def changed(
    folder: Path, edits: Mapping[str, str], file: str = "moshi/models/lm.py", source: bytes = USER
) -> dict[str, str]:
    """The breaking changes once upstream has changed."""
    after = dict(UPSTREAM)
    for old, new in edits.items():
        assert old.encode() in after[file]
        after[file] = after[file].replace(old.encode(), new.encode())
    for name, files in (("backend", {"a.py": source}), ("before", UPSTREAM), ("after", after)):
        write_tree(folder / name, files)
    return breaking_changes(folder / "backend", folder / "before", folder / "after")


@pytest.mark.parametrize(
    ("old", "new", "name", "text"),
    [
        ("n: int = 8", "n: int = 9", "moshi.models.lm.LM", "Parameter default was changed (n); used in a.py:2"),
        ("head: nn.Module = None", "head: nn.Module", "moshi.models.lm.LM", "now required (head); used in a.py:2"),
        ("def width", "def breadth", "moshi.models.lm.LM.width", "Public object was removed (width); used in a.py:7"),
        ("self.layer = layer", "self.level = layer", "moshi.models.lm.LM.layer", "removed (layer); used in a.py:7"),
        (", revision: str | None = None", "", "moshi.models.lm.LM.load", "removed (revision); used in a.py:6"),
        ("LIMIT = 5", "LIMIT = 6", "moshi.models.lm.LIMIT", "value was changed (5 -> 6); used in a.py:3"),
        ('{"a": 1}', '{"a": 2}', "moshi.models.lm._private", "({'a': 1} -> {'a': 2}); used in a.py:3"),
        ("_private =", "_hidden =", "moshi.models.lm._private", "missing; used in a.py:3"),
        ("size: int = 0", "size: int = 1", "moshi.models.lm.Info", "default was changed (size); used in a.py:3"),
    ],
)
def test_a_breaking_change_of_a_used_name_is_named(folder: Path, old: str, new: str, name: str, text: str) -> None:
    found = changed(folder, {old: new})
    assert {*found} == {name}
    assert found[name].endswith(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def first", "def second"),
        ("self.head: nn.Module = head", "pass"),
        ("n: int = 8", "n: int = 8, more: int = 0"),
        ("        self.layer = layer", "        self.layer = layer\n        self.parameters: int = 1"),
    ],
    ids=["unused method", "unused attribute", "one more optional parameter", "a name that only the newer one has"],
)
def test_a_harmless_change_does_not_count(folder: Path, old: str, new: str) -> None:
    assert changed(folder, {old: new}) == {}


def test_an_inherited_method_of_a_module_near_the_imported_names_counts(folder: Path) -> None:
    found = changed(folder, {"hard: bool = False": "soft: bool = False"}, "moshi/parts.py")
    assert "moshi.parts.Base.reset" in found


def test_a_class_that_is_gone_is_named_as_it_was_imported(folder: Path) -> None:
    assert "moshi.models.LM" in changed(folder, {"class LM(Base)": "class LLM(Base)"})


def test_an_imported_name_counts_unless_only_the_newer_one_has_it(folder: Path) -> None:
    source = b"from moshi.models.lm import MORE\n"
    assert changed(folder, {"LIMIT = 5": "MORE = 5"}, source=source) == {}
    assert changed(folder, {}, source=source) == {"moshi.models.lm.MORE": "missing; used in a.py:1"}


def test_a_name_of_a_module_that_is_not_near_does_not_count(folder: Path) -> None:
    assert changed(folder, {"def width": "def breadth"}, "moshi/tts.py") == {}


def test_a_file_that_imports_nothing_of_upstream_uses_nothing_of_it(folder: Path) -> None:
    source = b"import json\n\ndef f(x): return x.width\n"
    assert changed(folder, {"def width": "def breadth"}, source=source) == {}


def test_the_report_says_what_has_changed_for_people(tmp_path: Path) -> None:
    server = b'parser.add_argument("--port", default=8998)\nif kind == 1:\n    pass\nother = b"\\x01"\n'
    checkout = make_repository(tmp_path / "checkout")
    files = {"LICENSE": MIT, "moshi/lm.py": MODEL, "moshi/server.py": server}
    wheel = make_wheel(files, version="2.0")
    text = report(checkout, make_pin(checkout, release_of(wheel, "2.0"), wheel), {"moshi.lm.Model": "missing"})
    for line in (
        "### Moshi 1.0 → 2.0",
        "- `moshi/__init__.py`: +0 -1",
        "- `moshi/server.py`: +4 -0",
        "- licence: `LICENSE` MIT, accepted",
        "- **`moshi.lm.Model`**: missing",
        '- `moshi/server.py`: `+ parser.add_argument("--port", default=8998)`',
        "- `moshi/server.py`: `+ if kind == 1:`",
    ):
        assert f"{line}\n" in f"{text}\n"
    assert "### Dependencies\n\nAs before." in text


# The backend and the release that are here


def test_the_backends_own_use_of_the_pinned_release_is_found(tmp_path: Path) -> None:
    write_tree(tmp_path, {"moshi/__init__.py": b""})
    gone = breaking_changes(ROOT / "moshi/src", ROOT / "third_party/moshi", tmp_path)
    assert {"moshi.models.loaders.get_moshi_lm", "moshi.models.LMModel", "moshi.modules.seanet"} <= gone.keys()
    assert breaking_changes(ROOT / "moshi/src", ROOT / "third_party/moshi", ROOT / "third_party/moshi") == {}
