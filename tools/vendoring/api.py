"""How the API that the backend uses differs between two releases: read by griffe, never imported.

A name counts as used if the backend imports it, or if a file that imports from upstream reads an attribute of this name
and a class near the imported names has it. The types of values are not followed: a name may count as used because
another object has one of the same name.
"""

import ast
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import griffe

from vendoring.manifest import NAME
from vendoring.swap import write_tree


@dataclass(frozen=True)
class Change:
    """One used name that is not as before; `before` or `after` is None where it does not exist."""

    name: str
    place: str
    before: str | None
    after: str | None

    @property
    def stops(self) -> bool:
        """Whether the backend may not work any more: only a name that is new is harmless."""
        return self.before is not None or self.after is None


def compare(
    backend: Mapping[str, bytes], before: Mapping[str, bytes], after: Mapping[str, bytes]
) -> tuple[list[Change], int]:
    """
    Args:
        backend: the backend's source files by path.
        before: the package's files by path, such as `moshi/models/lm.py`.

    Returns:
        the used names that are not as before, and how many are as before.
    """
    imported, read = _used_by(backend)
    old, new = (_texts(files, {*imported}, {*read}) for files in (before, after))
    names = sorted(imported.keys() | old.keys() | new.keys())
    changes = [
        Change(name, imported.get(name) or read[name.rpartition(".")[2]], old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name) or name not in new
    ]
    return changes, len(names) - len(changes)


def _used_by(backend: Mapping[str, bytes]) -> tuple[dict[str, str], dict[str, str]]:
    """The imported names of upstream, and the attributes that are read; each with the place of its first use."""
    imported: dict[str, str] = {}
    read: dict[str, str] = {}
    for path, data in sorted(backend.items()):
        names: dict[str, str] = {}
        attributes: dict[str, str] = {}
        for node in ast.walk(ast.parse(data)):
            match node:
                case ast.ImportFrom(module=str(module), level=0):
                    names |= {f"{module}.{alias.name}": f"{path}:{node.lineno}" for alias in node.names}
                case ast.Import():
                    names |= {alias.name: f"{path}:{node.lineno}" for alias in node.names}
                case ast.Attribute(attr=name) if not name.startswith("__"):
                    attributes.setdefault(name, f"{path}:{node.lineno}")
        if upstream := {name: place for name, place in names.items() if name.split(".")[0] == NAME}:
            imported, read = upstream | imported, attributes | read
    return imported, read


def _texts(files: Mapping[str, bytes], imported: set[str], read: set[str]) -> dict[str, str]:
    """How each used name that a package has reads."""
    with tempfile.TemporaryDirectory() as scratch:
        write_tree(Path(scratch), files)
        package = griffe.load(NAME, search_paths=[scratch], allow_inspection=False).modules_collection
    names = {name: found for name in imported if (found := _find(package, name))}
    modules = {found if found.is_module else found.module for found in names.values()}
    near = [found for module in modules for path in module.imports.values() if (found := _find(package, path))]
    modules |= {found if found.is_module else found.module for found in near}
    owners = [found for found in names.values() if found.is_module]
    owners += [owner for module in modules for owner in module.classes.values() if not owner.is_alias]
    members = {
        f"{owner.path}.{name}": found
        for owner in owners
        for name in owner.all_members
        if name in read and (found := _find(owner, name))
    }
    return {name: _text(found) for name, found in (members | names).items()}


def _find(holder: griffe.ModulesCollection | griffe.Object, path: str) -> griffe.Object | None:
    """The object that a path stands for, wherever upstream's package defines it; None for one of another package."""
    try:
        found = holder[path]
        return found.final_target if isinstance(found, griffe.Alias) else found
    except (KeyError, griffe.AliasResolutionError):
        return None


def _text(found: griffe.Object) -> str:
    """How an object reads: a class with its bases, a function with its parameters, an attribute with its type."""
    match found:
        case griffe.Class():
            return f"class {found.signature()}: {', '.join(map(str, found.bases)) or 'object'}"
        case griffe.Function():
            return "".join(f"@{decorator.value} " for decorator in found.decorators) + found.signature()
        case griffe.Attribute() if "module-attribute" in found.labels:
            return f"{found.name} = {found.value}"
        case griffe.Attribute():
            return f"{found.name}: {found.annotation or 'attribute'}"
    return "module"
