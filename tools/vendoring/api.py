"""How the API that the backend uses differs between two releases."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vendoring.signatures import Member, Package, Symbol, takes
from vendoring.usage import Usage, used_by


@dataclass(frozen=True)
class Change:
    """One used name that is not as before; `before` or `after` is None where it is not there."""

    name: str
    place: str
    before: str | None
    after: str | None
    stops: bool


def describe(name: str, package: Package) -> str | None:
    """How a used name reads in a package: `module.Name`, or `module.Class.attribute`."""
    found = _look_up(name, package)
    return package.text(found) if isinstance(found, Symbol) else found.text if found else None


def _look_up(name: str, package: Package) -> Symbol | Member | None:
    holder, _, last = name.rpartition(".")
    if symbol := package.find(holder, last):
        return symbol
    module, _, owner = holder.rpartition(".")
    found = package.find(module, owner)
    return package.member(found, last) if found and isinstance(found.node, ast.ClassDef) else None


def _unknown_keywords(usage: Usage, package: Package) -> Iterator[Change]:
    for name, keywords in sorted(usage.keywords.items()):
        found = _look_up(name, package)
        if found and isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef):
            for keyword in sorted(keywords):
                if not takes(found.node, keyword):
                    place = usage.members.get(name, "")
                    yield Change(f"{name}({keyword}=...)", place, "the backend passes it", None, stops=True)


def compare(sources: Mapping[str, bytes], before: Package, after: Package) -> tuple[list[Change], Usage]:
    """How what the backend uses differs between two packages, and what it uses of the later one.

    A name that neither has is inherited from outside of the package, such as `parameters`, and no change.
    """
    old, new = used_by(sources, before), used_by(sources, after)
    changes: list[Change] = []
    places = {**new.members, **new.symbols, **old.members, **old.symbols}
    for name, place in sorted(places.items()):
        was, now = describe(name, before), describe(name, after)
        imported = name in new.symbols or name in old.symbols
        if was != now or (now is None and imported):
            changes.append(Change(name, place, was, now, stops=was is not None or now is None))
    return [*changes, *_unknown_keywords(new, after)], new
