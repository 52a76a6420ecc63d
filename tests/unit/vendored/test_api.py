"""The report: what of upstream the backend uses, and what of it is not as before, told from source alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.vendored import COMMIT, METADATA, MIT
from vendoring.api import Change, compare
from vendoring.made import Pin
from vendoring.manifest import Manifest, Release
from vendoring.report import report
from vendoring.update import backend_sources

ROOT = Path(__file__).resolve().parents[3]
UPSTREAM = {
    "moshi/__init__.py": b"from . import models\n",
    "moshi/models/__init__.py": b"from .lm import LM, make as create\nfrom ..parts import Base\n",
    "moshi/models/lm.py": b'''\
from dataclasses import dataclass
from ..parts import Base, Layer
import torch.nn as nn

LIMIT = 5


class LM(Base):
    cached: bool = True

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
''',
    "moshi/parts.py": b"class Base:\n    def reset(self, hard: bool = False) -> None:\n        self.clean = hard\n\n\n"
    b"class Layer(Base):\n    def __init__(self, size: int):\n        self.size = size\n",
    "moshi/tts.py": b"class TTS:\n    def width(self):\n        pass\n",
    "moshi/server.py": b'parser.add_argument("--port", default=8998, type=int)\n'
    b'app.router.add_get("/api/chat", chat)\nif kind == 1:\n    pass\n',
}  # fmt: skip
USER = b"""\
from moshi import parts
from moshi.models import LM, create
from moshi.models.lm import LIMIT, Info

def f(lm: LM, layer: parts.Layer):
    LM.load("x", revision="y")
    return lm.width, lm.layer.size, lm.cached, lm.reset(), lm.parameters()
"""


def changed(edits: Mapping[str, str], file: str = "moshi/models/lm.py", source: bytes = USER) -> dict[str, Change]:
    """The used names that are not as before once upstream has changed."""
    after = dict(UPSTREAM)
    for old, new in edits.items():
        assert old.encode() in after[file]
        after[file] = after[file].replace(old.encode(), new.encode())
    return {change.name: change for change in compare({"a.py": source}, UPSTREAM, after)[0]}


def test_names_read_as_where_they_are_defined_says() -> None:
    changes = compare({"a.py": USER}, UPSTREAM, {"moshi/__init__.py": b""})[0]
    assert {change.name: change.before for change in changes} == {
        "moshi.models.LM": "class LM(layer: Layer, head: nn.Module = None, n: int = 8): Base",
        "moshi.models.create": "make(n: int, *, fast: bool = False) -> LM",
        "moshi.models.lm.LIMIT": "LIMIT = 5",
        "moshi.models.lm.Info": "class Info(path: str, size: int = 0): object",
        "moshi.models.lm.Info.size": "size: int",
        "moshi.parts": "module",
        "moshi.parts.Layer": "class Layer(size: int): Base",
        "moshi.models.lm.LM.width": "width: int",
        "moshi.models.lm.LM.layer": "layer: attribute",
        "moshi.models.lm.LM.cached": "cached: bool",
        "moshi.models.lm.LM.load": "@staticmethod load(path: str, revision: str | None = None) -> LM",
        "moshi.models.lm.LM.reset": "reset(hard: bool = False) -> None",
        "moshi.parts.Base.reset": "reset(hard: bool = False) -> None",
        "moshi.parts.Layer.reset": "reset(hard: bool = False) -> None",
        "moshi.parts.Layer.size": "size: attribute",
    }
    assert all(change.after is None and change.stops for change in changes)
    places = {change.name: change.place for change in changes}
    assert (places["moshi.models.LM"], places["moshi.parts.Layer.size"]) == ("a.py:2", "a.py:7")


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        ("n: int = 8", "n: int = 9", {"moshi.models.LM"}),
        ("def width", "def breadth", {"moshi.models.lm.LM.width"}),
        ("-> int:", "-> float:", {"moshi.models.lm.LM.width"}),
        ("self.layer = layer", "self.level = layer", {"moshi.models.lm.LM.layer"}),
        (", revision: str | None = None", "", {"moshi.models.lm.LM.load"}),
        ("LIMIT = 5", "LIMIT = 6", {"moshi.models.lm.LIMIT"}),
        ("def first", "def second", set()),
        ("self.head: nn.Module = head", "pass", set()),
    ],
)
def test_only_what_is_used_counts(old: str, new: str, names: set[str]) -> None:
    found = changed({old: new})
    assert found.keys() == names
    assert all(change.stops for change in found.values())


def test_a_class_that_is_gone_stops_it_with_all_that_is_read_from_it() -> None:
    assert {"moshi.models.LM", "moshi.models.lm.LM.width"} <= changed({"class LM(Base)": "class LLM(Base)"}).keys()


def test_a_name_of_a_module_that_is_not_near_does_not_count() -> None:
    assert changed({"def width": "def breadth"}, "moshi/tts.py") == {}


def test_a_file_that_imports_nothing_of_upstream_uses_nothing_of_it() -> None:
    assert changed({"def width": "def breadth"}, source=b"import json\n\ndef f(x): return x.width\n") == {}


def test_a_name_that_only_the_newer_one_has_does_not_stop() -> None:
    source = b"from moshi.models import LM\ndef f(lm: LM): return lm.more\n"
    (change,) = changed({"        self.layer = layer": "        self.more: int = 1"}, source=source).values()
    assert (change.before, change.after, change.stops) == (None, "more: int", False)


def test_an_import_that_neither_has_stops() -> None:
    (change,) = changed({}, source=b"import moshi.absent\nfrom moshi.models import LM\n").values()
    assert (change.name, change.stops) == ("moshi.absent", True)


def test_the_report_says_what_has_changed_for_people() -> None:
    after = {
        **UPSTREAM,
        "LICENSE": MIT,
        "moshi/models/lm.py": UPSTREAM["moshi/models/lm.py"].replace(b"n: int = 8", b"n: int = 9"),
        "moshi/server.py": UPSTREAM["moshi/server.py"].replace(b"8998", b"9000").replace(b"kind == 1", b"kind == 7"),
    }
    releases = (Release(version, COMMIT, f"moshi-{version}.tar.gz", "0" * 64) for version in ("1.0", "2.0"))
    old, new = (Manifest(release, {"LICENSE": "MIT"}, {}, {}) for release in releases)
    before = Pin(old, METADATA.format(version="1.0", torch="3"), {**UPSTREAM, "LICENSE": MIT}, {})
    text = report(before, Pin(new, METADATA.format(version="2.0", torch="4"), after, {}), {"a.py": USER}).text
    for line in (
        "### Moshi 1.0 → 2.0",
        "| changed | `moshi/server.py` | +2 | -2 |",
        "- changed: `torch` `>=2.2,<3` → `>=2.2,<4`",
        "- `LICENSE` MIT; all are accepted",
        "- **changed**: `moshi.models.LM`, used in a.py:2: without `n: int = 8`, with `n: int = 9`",
        "- 14 of 15 used names are as before.",
        '- `moshi/server.py`: `- parser.add_argument("--port", default=8998, type=int)`',
        '- `moshi/server.py`: `+ parser.add_argument("--port", default=9000, type=int)`',
        "- `moshi/server.py`: `+ if kind == 7:`",
    ):
        assert f"{line}\n" in text


# The backend and the release that are here


def test_the_backends_own_use_of_the_pinned_release_is_found() -> None:
    folder = ROOT / "third_party/moshi"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in (folder / "moshi").rglob("*.py")}
    gone, _ = compare(backend_sources(ROOT), files, {"moshi/__init__.py": b""})
    assert {
        "moshi.models.loaders.get_moshi_lm",
        "moshi.models.lm.LMModel.delays",
        "moshi.models.compression.MimiModel.cardinality",
        "moshi.modules.transformer.StreamingMultiheadAttention.kv_repeat",
        "moshi.modules.seanet.SEANetResnetBlock.shortcut",
        "moshi.modules.gating.ActivationGating.linear_in",
        "moshi.quantization.core_vq.EuclideanCodebook.embedding",
    } <= {change.name for change in gone}
    assert [change.name for change in gone if change.before is None] == []
