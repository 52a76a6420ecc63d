"""Upstream's package as its source says it is: names, signatures, attributes. Nothing of it is imported.

Types are told where a class is named: by an annotation, by `self.x = Class(...)`, by a parameter with an annotation
that is stored as it is, by what a function says that it returns. Everything else has no type here.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vendoring.manifest import NAME

type Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr | None
"""What a name stands for; None for a module."""


@dataclass(frozen=True)
class Symbol:
    """Something that a module of the package defines; `name` is empty for the module itself."""

    module: str
    name: str
    node: Definition

    def __str__(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


@dataclass(frozen=True)
class Member:
    """What a class has under a name: how it reads for people, and the class that it is or returns, if that is told."""

    text: str
    type: Symbol | None
    node: ast.FunctionDef | ast.AsyncFunctionDef | None = None


class Package:
    """
    Args:
        files: contents by path, such as `moshi/models/lm.py`.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._trees: dict[str, ast.Module] = {}
        self._packages: set[str] = set()
        for path, data in files.items():
            if path.startswith(f"{NAME}/") and path.endswith(".py"):
                module = path.removesuffix(".py").replace("/", ".")
                if module.endswith(".__init__"):
                    module = module.removesuffix(".__init__")
                    self._packages.add(module)
                self._trees[module] = ast.parse(data)

    def find(self, module: str, name: str) -> Symbol | None:
        """What `from module import name` gives, wherever it is defined."""
        return self._find(module, name, frozenset())

    def _find(self, module: str, name: str, seen: frozenset[tuple[str, str]]) -> Symbol | None:
        tree = self._trees.get(module)
        if tree is None or (module, name) in seen:
            return None
        for node in reversed(list(_top_level(tree))):
            match node:
                case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if node.name == name:
                    return Symbol(module, name, node)
                case ast.Assign() | ast.AnnAssign() if node.value and name in _names(node):
                    return Symbol(module, name, node.value)
                case ast.ImportFrom():
                    for alias in node.names:
                        # `from . import name` in a package that has a module of that name is that module.
                        found = (self._absolute(module, node), alias.name)
                        if (alias.asname or alias.name) == name and found != (module, name):
                            return self._find(*found, seen | {(module, name)})
        submodule = f"{module}.{name}"
        return Symbol(submodule, "", None) if submodule in self._trees else None

    def _absolute(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = module.split(".")
        up = node.level - (module in self._packages)
        return ".".join([*parts[: len(parts) - up], *([node.module] if node.module else [])])

    def named(self, module: str, annotation: ast.expr | None) -> Symbol | None:
        """The class of the package that an annotation names, alone or beside None."""
        match annotation:
            case ast.Name():
                found = self.find(module, annotation.id)
            case ast.Constant(value=str() as text):
                found = self.named(module, ast.parse(text, mode="eval").body)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                holder = self.find(module, name)
                found = self.find(holder.module, attribute) if holder and not holder.name else None
            case ast.BinOp(op=ast.BitOr(), right=ast.Constant(value=None)):
                found = self.named(module, annotation.left)
            case ast.Subscript() if ast.unparse(annotation.value).endswith("Optional"):
                found = self.named(module, annotation.slice)
            case _:
                found = None
        return found if found and isinstance(found.node, ast.ClassDef) else None

    def text(self, symbol: Symbol) -> str:
        """How a symbol reads: a class with its bases and how it is made, a function with its parameters."""
        match symbol.node:
            case None:
                return "module"
            case ast.ClassDef() as node:
                bases = ", ".join(map(ast.unparse, node.bases))
                return f"class {symbol.name}({bases}): __init__({self._constructor(symbol)})"
            case ast.FunctionDef() | ast.AsyncFunctionDef() as node:
                return signature(node)
            case node:
                return f"{symbol.name} = {ast.unparse(node)}"

    def _constructor(self, symbol: Symbol) -> str:
        node = symbol.node
        assert isinstance(node, ast.ClassDef)
        if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            return ", ".join(ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign))
        for owner in self._lineage(symbol):
            for item in _body(owner):
                if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                    return ast.unparse(item.args)
        return ""

    def member(self, symbol: Symbol, name: str) -> Member | None:
        """A method, property or attribute of a class, its own or inherited inside the package."""
        return next((found for owner in self._lineage(symbol) if (found := self._own(owner, name))), None)

    def _lineage(self, symbol: Symbol) -> Iterator[Symbol]:
        yield symbol
        if isinstance(symbol.node, ast.ClassDef):
            for base in symbol.node.bases:
                plain = base.value if isinstance(base, ast.Subscript) else base
                if found := self.named(symbol.module, plain):
                    yield from self._lineage(found)

    def _own(self, owner: Symbol, name: str) -> Member | None:
        for item in _body(owner):
            match item:
                case ast.FunctionDef() | ast.AsyncFunctionDef() if item.name == name:
                    decorators = [ast.unparse(decorator) for decorator in item.decorator_list]
                    prefix = "".join(f"@{decorator} " for decorator in decorators)
                    # A property reads as what it returns; a method is called for it.
                    type_ = self.named(owner.module, item.returns)
                    return Member(prefix + signature(item), type_, None if "property" in decorators else item)
                case ast.AnnAssign(target=ast.Name(id=assigned)) if assigned == name:
                    return Member(ast.unparse(item.annotation), self.named(owner.module, item.annotation))
                case ast.Assign() if name in _names(item):
                    return Member("attribute of the class", None)
        for item in sorted(_body(owner), key=lambda item: getattr(item, "name", "") != "__init__"):
            if isinstance(item, ast.FunctionDef) and (found := self._stored(owner, item, name)):
                return found
        return None

    def _stored(self, owner: Symbol, method: ast.FunctionDef, name: str) -> Member | None:
        """`self.name = ...` somewhere in a method."""
        for node in ast.walk(method):
            match node:
                case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=found)) if found == name:
                    return Member(ast.unparse(node.annotation), self.named(owner.module, node.annotation))
                case ast.Assign(value=value) if any(
                    isinstance(target, ast.Attribute) and ast.unparse(target) == f"self.{name}"
                    for target in node.targets
                ):
                    if isinstance(value, ast.Call):
                        return Member("attribute", self.named(owner.module, value.func))
                    arguments = {argument.arg: argument for argument in _arguments(method.args)}
                    if isinstance(value, ast.Name) and value.id in arguments:
                        annotation = arguments[value.id].annotation
                        text = ast.unparse(annotation) if annotation else "attribute"
                        return Member(text, self.named(owner.module, annotation))
                    return Member("attribute", None)
        return None


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def takes(node: ast.FunctionDef | ast.AsyncFunctionDef, keyword: str) -> bool:
    """Whether a function can be called with a keyword argument."""
    named = [*node.args.args, *node.args.kwonlyargs]
    return node.args.kwarg is not None or any(argument.arg == keyword for argument in named)


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in tree.body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from (child for child in ast.walk(node) if isinstance(child, ast.stmt) and child is not node)


def _names(node: ast.Assign | ast.AnnAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _body(symbol: Symbol) -> list[ast.stmt]:
    return symbol.node.body if isinstance(symbol.node, ast.ClassDef) else []


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
