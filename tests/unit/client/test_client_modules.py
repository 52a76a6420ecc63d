"""The modules of the client: each imports only those above it in its README, and the sound card's library last."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3] / "tools/client"
PACKAGE = ROOT / "src/scenario6_client"


def order() -> list[str]:
    """The modules as the README lists them, from low to high."""
    rows = re.findall(r"^\| (`[^|]*`) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`(\w+)`", row)]


def imported(file: Path) -> set[str]:
    """The modules of the package that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            package, _, module = node.module.partition(".")
            if package == "scenario6_client":
                found |= {module} if module else {alias.name for alias in node.names}
    return found - {"__version__"}


def test_the_readme_lists_every_module() -> None:
    assert sorted(order()) == sorted(file.stem for file in PACKAGE.glob("*.py") if file.stem != "__init__")


def test_a_module_imports_only_those_above_it() -> None:
    modules = order()
    for number, name in enumerate(modules):
        assert imported(PACKAGE / f"{name}.py") <= set(modules[:number]), name


def test_the_client_knows_no_service_from_inside() -> None:
    text = "\n".join(file.read_text() for file in PACKAGE.glob("*.py"))
    assert not re.search(r"\b(moshi_backend|moshi_frontend|torch|loadtest)\b", text)
