"""The layers of `moshi_backend`: each imports only layers below it, and the documentation lists them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "moshi/src/moshi_backend"
NAME = PACKAGE.name

LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "wording": set(),
    "settings": set(),
    "checkpoint": {"errors"},
    "model": {"errors", "checkpoint"},
    "personas": {"errors", "model", "checkpoint"},
    "engine": {"errors", "wording", "model"},
    "telemetry": {"engine"},
    "conversation": {"errors", "wording", "model", "personas", "engine", "telemetry"},
    "loading": {"errors", "settings", "model", "checkpoint", "personas", "engine"},
    "doctor": {"errors", "settings", "model", "checkpoint", "personas"},
    "api": {
        "errors",
        "settings",
        "model",
        "checkpoint",
        "personas",
        "engine",
        "telemetry",
        "conversation",
        "loading",
    },
    "cli": {"errors", "settings", "checkpoint", "doctor", "api"},
    "__main__": {"cli"},
}
"""The layers from low to high. Each may import the layers that stand beside it, and its own modules."""


def imports(source: str) -> Iterator[str]:
    """The layers of `moshi_backend` that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(source)):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        for module in modules:
            package, *path = module.split(".")
            if package == NAME and path and not path[0].startswith("__version"):
                yield path[0]


def layers() -> dict[str, list[Path]]:
    """Every module of the package, by its layer."""
    found: dict[str, list[Path]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        if file != PACKAGE / "__init__.py":
            found.setdefault(file.relative_to(PACKAGE).with_suffix("").parts[0], []).append(file)
    return found


def test_every_module_belongs_to_a_layer() -> None:
    assert set(layers()) == set(LAYERS)


def test_a_layer_may_import_only_lower_ones() -> None:
    order = list(LAYERS)
    for layer, lower in LAYERS.items():
        assert lower <= set(order[: order.index(layer)]), layer


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_what_it_may(layer: str) -> None:
    for file in layers()[layer]:
        assert set(imports(file.read_text())) - {layer} <= LAYERS[layer], file.relative_to(PACKAGE)


def test_imports_are_found_wherever_they_stand() -> None:
    source = (
        "import moshi_backend\nimport moshi_backend.cli\ndef f():\n    from moshi_backend import engine as e, api\n"
    )
    source += "from moshi_backend.model.batch import Frame\nimport torch\n"
    assert sorted(imports(source)) == ["api", "cli", "engine", "model"]


def test_the_documentation_lists_the_layers() -> None:
    text = next((ROOT / "docs").rglob("architecture.md")).read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE)
    listed = {layer: set(re.findall(r"`(\w+)`", lower)) for layer, lower in rows if layer in LAYERS}
    assert listed == LAYERS
    assert list(listed) == list(LAYERS), "from low to high"
