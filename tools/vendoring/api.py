"""The breaking changes between two releases in the API that the backend uses: read by griffe, never imported.

A name counts as used if the backend imports it, or if a file that imports from upstream reads an attribute of this name
and an object near the imported names has it. The types of values are not followed: a name may count as used because
another object has one of the same name.
"""

import ast
from collections import defaultdict
from pathlib import Path

import griffe

from vendoring.pin import NAME


def breaking_changes(backend: Path, before: Path, after: Path) -> dict[str, str]:
    """
    Args:
        backend: the folder with the backend's source.
        before: the folder with upstream's package.

    Returns:
        by name: the changes, and the place where the backend first uses the name.
    """
    imported, read = _used_by(backend)
    old, new = (griffe.load(NAME, search_paths=[folder], allow_inspection=False) for folder in (before, after))
    changes: dict[str, dict[str, list[str]]] = defaultdict(dict)
    modules: set[griffe.Module] = set()
    for name in imported:
        was, now = _find(old, name), _find(new, name)
        if now is None:
            changes[name]["missing"] = []
        elif was and _value(was) != _value(now):  # griffe compares none
            changes[name]["value was changed"] = [f"{_value(was)} -> {_value(now)}"]
        if was:
            modules.add(_module(was))
    near = [_find(old, path) for module in modules for path in module.imports.values()]
    paths = {module.path for module in modules} | {_module(found).path for found in near if found}
    places = read | {name.rpartition(".")[2]: place for name, place in imported.items()}
    for breakage in griffe.find_breaking_changes(old, new):
        name = breakage.obj.path.removesuffix(".__init__")
        if name.rpartition(".")[2] in places and _module(breakage.obj).path in paths:
            part = getattr(breakage.old_value or breakage.new_value, "name", "")
            changes[name].setdefault(breakage.kind.value, []).append(part)
    return {
        name: "; ".join(f"{kind} ({', '.join(parts)})" if parts else kind for kind, parts in found.items())
        + f"; used in {places[name.rpartition('.')[2]]}"
        for name, found in changes.items()
    }


def _used_by(backend: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The imported names of upstream, and the attributes that are read; each with the place of its first use."""
    imported: dict[str, str] = {}
    read: dict[str, str] = {}
    for path in sorted(backend.rglob("*.py")):
        names: dict[str, str] = {}
        attributes: dict[str, str] = {}
        file = path.relative_to(backend).as_posix()
        for node in ast.walk(ast.parse(path.read_bytes())):
            place = f"{file}:{getattr(node, 'lineno', 0)}"
            match node:
                case ast.ImportFrom(module=str(module), level=0):
                    names |= {f"{module}.{alias.name}": place for alias in node.names}
                case ast.Import():
                    names |= {alias.name: place for alias in node.names}
                case ast.Attribute(attr=name) if not name.startswith("__"):
                    attributes.setdefault(name, place)
        if upstream := {name: place for name, place in names.items() if name.split(".")[0] == NAME}:
            imported, read = upstream | imported, attributes | read
    return imported, read


def _find(package: griffe.Object | griffe.Alias, name: str) -> griffe.Object | None:
    """The object that a name stands for, wherever upstream's package defines it; None for one of another package."""
    try:
        found = package.modules_collection[name]
        return found.final_target if isinstance(found, griffe.Alias) else found
    except (KeyError, griffe.AliasResolutionError):
        return None


def _module(found: griffe.Object) -> griffe.Module:
    return found if isinstance(found, griffe.Module) else found.module


def _value(found: griffe.Object) -> str:
    return str(found.value) if isinstance(found, griffe.Attribute) else ""
