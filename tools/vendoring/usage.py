"""What the backend uses of upstream's package, told from both sources without running either.

The rule: every name that is imported, and every attribute that is read from a value whose class can be told. A value's
class is told by a parameter's annotation, `isinstance`, a `case` of a `match`, a call of an upstream class or of a
function that says what it returns, and the type of an upstream attribute (see `signatures`). Attributes of values that
come out of an upstream object and whose class cannot be told are listed, not checked.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from vendoring.manifest import NAME
from vendoring.signatures import Member, Package, Symbol

type Of = Symbol | Unknown | Several | None
"""The type of a value; None for what does not come from upstream."""


@dataclass(frozen=True)
class Unknown:
    """Out of an upstream object, of a class that is not told; `path` is how the backend reaches it."""

    path: str


@dataclass(frozen=True)
class Several:
    """Something to go through; `one` is the type of what is in it."""

    one: Of


@dataclass
class Usage:
    """
    Attributes:
        symbols: imported names, such as `moshi.models.LMModel`.
        members: class and attribute, such as `moshi.models.lm.LMModel.dep_q`.
        keywords: what functions are called with, by the same names.
        untold: attributes that are read but not checked, as the backend writes them.
    """

    symbols: dict[str, str] = field(default_factory=dict)
    members: dict[str, str] = field(default_factory=dict)
    keywords: dict[str, set[str]] = field(default_factory=dict)
    untold: set[str] = field(default_factory=set)


def used_by(sources: Mapping[str, bytes], package: Package) -> Usage:
    """
    Args:
        sources: the backend's files by path.

    Returns:
        each used name with the place where it is first used.
    """
    usage = Usage()
    for path, data in sorted(sources.items()):
        _File(path, package, usage).read(ast.parse(data))
    return usage


class _File:
    def __init__(self, path: str, package: Package, usage: Usage) -> None:
        self._path = path
        self._package = package
        self._usage = usage
        self._imported: dict[str, Symbol | None] = {}
        self._functions: dict[str, ast.FunctionDef] = {}

    def read(self, tree: ast.Module) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and not node.level and _is_upstream(node.module or ""):
                for alias in node.names:
                    self._usage.symbols.setdefault(f"{node.module}.{alias.name}", self._at(node))
                    self._imported[alias.asname or alias.name] = self._package.find(node.module or "", alias.name)
            elif isinstance(node, ast.Import) and any(_is_upstream(alias.name) for alias in node.names):
                raise ValueError(f"{self._at(node)}: import upstream's names with `from ... import`")
        self._statements(tree.body, {})

    def _at(self, node: ast.stmt | ast.expr) -> str:
        return f"{self._path}:{node.lineno}"

    # Statements, in order: what is known of the local names grows on the way.

    def _statements(self, body: list[ast.stmt], known: dict[str, Of]) -> None:
        for statement in body:
            self._statement(statement, known)

    def _statement(self, node: ast.stmt, known: dict[str, Of]) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                inner = dict(known)
                for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs):
                    inner[argument.arg] = self._annotated(argument.annotation)
                self._statements(node.body, inner)
            case ast.ClassDef():
                self._statements(node.body, dict(known))
            case ast.Assign(targets=[ast.Name(id=name)]):
                known[name] = self._type(node.value, known)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for target, value in zip(targets, values, strict=False):
                    found = self._type(value, known)
                    if isinstance(target, ast.Name):
                        known[target.id] = found
            case ast.For(target=ast.Name(id=name)):
                known[name] = _element(self._type(node.iter, known))
                self._statements([*node.body, *node.orelse], known)
            case ast.Match(subject=ast.Name(id=name)):
                for case in node.cases:
                    narrowed = dict(known)
                    if isinstance(case.pattern, ast.MatchClass):
                        narrowed[name] = self._type(case.pattern.cls, known)
                    if case.guard:
                        self._type(case.guard, narrowed)
                    self._statements(case.body, narrowed)
            case ast.If():
                self._type(node.test, known)
                inside, beside = self._narrowed(node.test, known)
                self._statements(node.body, inside)
                self._statements(node.orelse, beside)
                if node.body and isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue):
                    known.update(beside)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.stmt):
                        self._statement(child, known)
                    elif isinstance(child, ast.expr):
                        self._type(child, known)
                    elif isinstance(child, ast.withitem):
                        self._type(child.context_expr, known)
                    elif isinstance(child, ast.ExceptHandler):
                        self._statements(child.body, known)

    def _narrowed(self, test: ast.expr, known: dict[str, Of]) -> tuple[dict[str, Of], dict[str, Of]]:
        """What is known where the test holds, and where it does not."""
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inside, beside = self._narrowed(test.operand, known)
            return beside, inside
        match test:
            case ast.Call(func=ast.Name(id="isinstance"), args=[ast.Name(id=name), class_]):
                found = self._type(class_, known)
                if isinstance(found, Symbol):
                    return {**known, name: found}, dict(known)
        return dict(known), dict(known)

    def _annotated(self, annotation: ast.expr | None) -> Of:
        match annotation:
            case ast.Name(id=name):
                return self._class(self._imported.get(name))
            case ast.Constant(value=str() as text):
                return self._annotated(ast.parse(text, mode="eval").body)
            case ast.BinOp(op=ast.BitOr(), right=ast.Constant(value=None)):
                return self._annotated(annotation.left)
            case ast.Subscript(value=ast.Name(id="list" | "Iterable" | "Sequence" | "Iterator"), slice=one):
                return Several(self._annotated(one))
        return None

    @staticmethod
    def _class(symbol: Symbol | None) -> Of:
        return symbol if symbol and isinstance(symbol.node, ast.ClassDef) else None

    # Expressions

    def _type(self, node: ast.expr, known: dict[str, Of]) -> Of:
        """The type of a value. What it reads on the way is noted."""
        match node:
            case ast.Name(id=name):
                return known[name] if name in known else self._imported.get(name)
            case ast.Attribute():
                return self._attribute(node, known)[0]
            case ast.Call():
                return self._call(node, known)
            case ast.Subscript():
                self._type(node.slice, known)
                return _element(self._type(node.value, known))
            case ast.BoolOp() | ast.IfExp():
                types = [
                    self._type(child, known) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)
                ]
                return next((found for found in types if found is not None), None)
            case ast.Tuple() | ast.List() | ast.Set():
                types = [self._type(item, known) for item in node.elts]
                return Several(types[0]) if types and all(found == types[0] for found in types) else None
            case ast.Starred():
                return _element(self._type(node.value, known))
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                inner = dict(known)
                for loop in node.generators:
                    found = _element(self._type(loop.iter, inner))
                    for target in ast.walk(loop.target):
                        if isinstance(target, ast.Name):
                            inner[target.id] = found if target is loop.target else None
                    for test in loop.ifs:
                        self._type(test, inner)
                if isinstance(node, ast.DictComp):
                    self._type(node.key, inner)
                    self._type(node.value, inner)
                    return None
                return Several(self._type(node.elt, inner))
            case ast.Lambda():
                inner = {**known, **{argument.arg: None for argument in node.args.args}}
                self._type(node.body, inner)
                return None
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._type(child, known)
        return None

    def _attribute(self, node: ast.Attribute, known: dict[str, Of]) -> tuple[Of, Member | None, str]:
        base = self._type(node.value, known)
        match base:
            case Symbol(name=""):
                # A module: what is read from it is as good as imported.
                self._usage.symbols.setdefault(f"{base}.{node.attr}", self._at(node))
                return self._package.find(base.module, node.attr), None, f"{base}.{node.attr}"
            case Symbol(node=ast.ClassDef()):
                full = f"{base}.{node.attr}"
                self._usage.members.setdefault(full, self._at(node))
                member = self._package.member(base, node.attr)
                if member is None or (member.type is None and member.node is None):
                    return Unknown(ast.unparse(node)), member, full
                return (None if member.node else member.type), member, full
            case Unknown():
                self._usage.untold.add(f"{base.path}.{node.attr}")
                return Unknown(f"{base.path}.{node.attr}"), None, ""
        return None, None, ""

    def _call(self, node: ast.Call, known: dict[str, Of]) -> Of:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._type(argument, known)
        keywords = {keyword.arg for keyword in node.keywords if keyword.arg}
        if isinstance(node.func, ast.Attribute):
            _, member, full = self._attribute(node.func, known)
            if full and keywords:
                self._usage.keywords.setdefault(full, set()).update(keywords)
            return member.type if member and member.node else None
        called = self._type(node.func, known)
        if isinstance(called, Symbol) and isinstance(called.node, ast.ClassDef):
            return called
        if isinstance(called, Symbol) and keywords:
            self._usage.keywords.setdefault(str(called), set()).update(keywords)
        return None


def _element(of: Of) -> Of:
    match of:
        case Several():
            return of.one
        case Unknown():
            return Unknown(f"{of.path}[...]")
    return None


def _is_upstream(module: str) -> bool:
    return module == NAME or module.startswith(f"{NAME}.")
