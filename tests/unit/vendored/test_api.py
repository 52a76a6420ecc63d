"""What the backend uses of upstream, and what of it is not as before: told from source alone."""

from pathlib import Path

import pytest

from vendoring.api import Change, compare, describe
from vendoring.signatures import Package
from vendoring.surface import options, protocol
from vendoring.update import backend_sources
from vendoring.usage import Usage, used_by

ROOT = Path(__file__).resolve().parents[3]
UPSTREAM = {
    "moshi/__init__.py": b"from . import models\n",
    "moshi/models/__init__.py": b"from .lm import LM, make as create\nfrom ..parts import Base\n",
    "moshi/models/lm.py": b'''\
from dataclasses import dataclass
from ..parts import Base, Layer
from .. import parts as p
import torch.nn as nn

LIMIT = 5


class LM(Base):
    cached: bool = True

    def __init__(self, layer: Layer, other: "p.Layer | None" = None, head: nn.Module = None, n: int = 8):
        self.layer = layer
        self.other = other
        self.head = head
        self.made = p.Layer(3)
        self.many: list = []

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
}  # fmt: skip


def usage(source: str) -> Usage:
    return used_by({"a.py": source.encode()}, Package(UPSTREAM))


def members(source: str) -> set[str]:
    return {name.removeprefix("moshi.") for name in usage(source).members}


def changed(source: str, file: str, old: str, new: str) -> list[Change]:
    after = dict(UPSTREAM)
    assert old.encode() in after[file]
    after[file] = after[file].replace(old.encode(), new.encode())
    return compare({"a.py": source.encode()}, Package(UPSTREAM), Package(after))[0]


def test_a_name_reads_as_where_it_is_defined_says() -> None:
    package = Package(UPSTREAM)
    assert describe("moshi.models.create", package) == "make(n: int, *, fast: bool=False) -> LM"
    assert describe("moshi.models.Base", package) == "class Base(): __init__()"
    assert describe("moshi.parts.Layer", package) == "class Layer(Base): __init__(self, size: int)"
    assert describe("moshi.models.lm.Info", package) == "class Info(): __init__(path: str, size: int = 0)"
    assert describe("moshi.models.lm.LIMIT", package) == "LIMIT = 5"
    assert describe("moshi.models", package) == "module"
    assert describe("moshi.models.lm.LM.width", package) == "@property width(self) -> int"
    assert describe("moshi.models.lm.LM.reset", package) == "reset(self, hard: bool=False) -> None"
    assert describe("moshi.models.lm.LM.cached", package) == "bool"
    assert describe("moshi.models.lm.LM.absent", package) is None
    assert describe("moshi.absent.Name", package) is None


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(lm: LM): lm.width", {"models.lm.LM.width"}),
        ("def f(lm: 'LM | None'): lm.width", {"models.lm.LM.width"}),
        ("def f(lm: LM): lm.layer.size", {"models.lm.LM.layer", "parts.Layer.size"}),
        ("def f(lm: LM): lm.other.size", {"models.lm.LM.other", "parts.Layer.size"}),
        ("def f(lm: LM): lm.made.size", {"models.lm.LM.made", "parts.Layer.size"}),
        ("def f(lm: LM): lm.first().size", {"models.lm.LM.first", "parts.Layer.size"}),
        ("lm = LM.load('x')\nlm.width", {"models.lm.LM.load", "models.lm.LM.width"}),
        ("lm = LM()\nlm.width", {"models.lm.LM.width"}),
        ("def f(all: list[LM]):\n  for lm in all: lm.width", {"models.lm.LM.width"}),
        ("def f(all: list[LM]): [lm.width for lm in all if lm.layer]", {"models.lm.LM.width", "models.lm.LM.layer"}),
        ("def f(x):\n  if not isinstance(x, LM): return x.other\n  return x.width", {"models.lm.LM.width"}),
        ("def f(x):\n  if isinstance(x, LM): return x.width\n  return x.other", {"models.lm.LM.width"}),
        ("def f(x):\n  match x:\n    case LM(): return x.width\n    case _: return x.other", {"models.lm.LM.width"}),
        ("def f(lm: LM):\n  def g(): return lm.width\n  return lambda lm: lm.other", {"models.lm.LM.width"}),
        ("def f(a: LM, b: LM):\n  for x in (a.layer, b.layer): x.size", {"models.lm.LM.layer", "parts.Layer.size"}),
        ("def f(x): x.width", set()),
    ],
)  # fmt: skip
def test_attributes_are_found_where_the_class_is_told(source: str, expected: set[str]) -> None:
    assert members(f"from moshi.models import LM\n{source}\n") == expected


def test_what_is_read_from_a_module_is_as_good_as_imported() -> None:
    source = "from moshi import parts\ndef f(x):\n  match x:\n    case parts.Layer(): return x.size\n"
    assert usage(source).symbols.keys() == {"moshi.parts", "moshi.parts.Layer"}
    assert members(source) == {"parts.Layer.size"}


def test_what_cannot_be_told_is_listed() -> None:
    found = usage("from moshi.models import LM\ndef f(lm: LM): return lm.head.weight, lm.many[0].bias, lm.width.real\n")
    assert found.untold == {"lm.head.weight", "lm.many[...].bias", "lm.width.real"}


def test_a_plain_import_of_upstream_is_not_followed_and_so_not_allowed() -> None:
    with pytest.raises(ValueError, match=r"a\.py:1: import upstream's names with"):
        usage("import moshi.models\n")


LM_USER = "from moshi.models import LM\ndef f(lm: LM): return lm.width, lm.layer, lm.parameters()\n"


@pytest.mark.parametrize(
    ("old", "new", "name", "stops"),
    [
        ("n: int = 8", "n: int = 9", "moshi.models.LM", True),
        ("class LM(Base)", "class LLM(Base)", "moshi.models.LM", True),
        ("def width", "def breadth", "moshi.models.lm.LM.width", True),
        ("-> int:", "-> float:", "moshi.models.lm.LM.width", True),
        ("self.layer = layer", "self.level = layer", "moshi.models.lm.LM.layer", True),
        ("LIMIT = 5", "LIMIT = 6", "", False),
        ("def first", "def second", "", False),
    ],
)
def test_only_what_is_used_counts(old: str, new: str, name: str, stops: bool) -> None:
    found = changed(LM_USER, "moshi/models/lm.py", old, new)
    assert (name, stops) in {(change.name, change.stops) for change in found} or not (name or found)


def test_a_name_that_only_the_newer_one_has_does_not_stop() -> None:
    found = changed(
        "from moshi.models import LM\ndef f(lm: LM): return lm.more\n",
        "moshi/models/lm.py",
        "        self.head = head",
        "        self.head = head\n        self.more: int = 1",
    )
    assert [(change.before, change.after, change.stops) for change in found] == [(None, "int", False)]


def test_an_import_that_neither_has_stops() -> None:
    found = changed("from moshi.models import Absent\n", "moshi/models/lm.py", "LIMIT = 5", "LIMIT = 6")
    assert [(change.name, change.stops) for change in found] == [("moshi.models.Absent", True)]


def test_a_keyword_that_is_passed_and_not_taken_any_more_stops() -> None:
    source = "from moshi.models import LM\nlm = LM.load('x', revision='y')\n"
    found = changed(source, "moshi/models/lm.py", ", revision: str | None = None", "")
    assert {change.name for change in found} == {"moshi.models.lm.LM.load", "moshi.models.lm.LM.load(revision=...)"}


# The backend and the release that are here


def test_the_backends_own_use_of_the_pinned_release_is_found() -> None:
    files = {
        path.relative_to(ROOT / "third_party/moshi").as_posix(): path.read_bytes()
        for path in (ROOT / "third_party/moshi/moshi").rglob("*.py")
    }
    sources, package = backend_sources(ROOT), Package(files)
    changes, found = compare(sources, package, package)
    assert changes == []
    assert {name for name in found.symbols if describe(name, package) is None} == set()
    expected = {
        "moshi.models.loaders.CheckpointInfo.get_moshi",
        "moshi.models.lm.LMModel.delays",
        "moshi.models.compression.MimiModel.frame_size",
        "moshi.modules.transformer.StreamingMultiheadAttention.kv_repeat",
        "moshi.modules.seanet.SEANetResnetBlock.shortcut",
        "moshi.modules.gating.ActivationGating.linear_in",
    }
    assert expected <= found.members.keys()
    outside = {name for name in found.members if describe(name, package) is None}
    assert {name.rpartition(".")[2] for name in outside} <= {"parameters", "named_parameters", "modules", "weight"}
    assert found.keywords["moshi.models.loaders.CheckpointInfo.from_hf_repo"] >= {"revision", "mimi_config_path"}
    protocol_words = protocol(files)
    assert {"server.py: route /api/chat", "server.py: takes kind 1", "client.py: takes kind 2"} <= protocol_words.keys()
    assert "server.py: sends kind 2" in protocol_words
    assert options(files)["moshi.server --port"] == "default=8998, type=int"
