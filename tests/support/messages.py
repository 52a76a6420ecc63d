"""Every error that the services, the page, set-up and the app model can print, read from their source.

`…` stands for what varies. An error's words are what a carrier is made with: an exception for people, a close frame, a
finding of the doctor that is not well, a warning in the log. Where they come from a function or a variable, those are
followed inside the same package.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "service/src/moshi_service"
PACKAGES = (
    (ROOT / "moshi/src/moshi_backend", SERVICE),
    (ROOT / "frontend/src/moshi_frontend", SERVICE),
    (ROOT / "tools/vendoring",),
)
PAGE = ROOT / "frontend/web/src"
CARRIERS = {
    "StartupError",
    "LoadError",
    "NotCached",
    "Rejected",
    "Refused",
    "BadPreference",
    "BadPersona",
    "ApiError",
    "HttpRefusal",
    "BadVoice",
    "LookupError",
    "End",
    "CloseFrame",
    "Refusal",
    "HTTPException",
    "ValueError",
    "_fail",  # the engine, and the vendoring tool
    "_lost",  # of the frontend: moshi
    "_unreachable",
}
LOGGED = {"warning", "error", "exception"}
VARIES = "…"


@dataclass(frozen=True)
class Message:
    text: str
    where: str


def of_python() -> list[Message]:
    return [message for package in PACKAGES for message in of_package(*package)]


def of_the_page() -> list[Message]:
    """The group `problems` of its strings; of what has a title, the title."""
    (group,) = re.findall(r"^  problems: \{$(.*?)^  \},$", (PAGE / "strings.ts").read_text(), re.MULTILINE | re.DOTALL)
    found = []
    for entry in re.split(r"^    (?=\w+:)", group, flags=re.MULTILINE)[1:]:
        said = re.findall(r'"([^"]*)"|`((?:\$\{[^}]*\}|[^`])*)`', re.sub(r'\bdetail: "[^"]*"', "", entry))
        assert said, f"no words in {entry!r}"
        found += [Message(re.sub(r"\$\{[^}]*\}", VARIES, plain or varying), "page") for plain, varying in said]
    return found


def of_set_up() -> list[Message]:
    """The words of `fail` in the shell scripts and in tools/run."""
    found = []
    for script in sorted((ROOT / "tools").iterdir()):
        if script.is_file() and script.suffix != ".py":
            for said in re.findall(r"\bfail \"((?:[^\"\\]|\\.)*)\"", script.read_text()):
                text = re.sub(r"\$\([^)]*\)|\$\{[^}]*\}|\$\w+", VARIES, said)
                found.append(Message(text, f"tools/{script.name}"))
    for call in ast.walk(ast.parse((ROOT / "tools/run").read_text())):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "fail":
            words = call.args[0]
            if isinstance(words, ast.JoinedStr):
                parts = [str(part.value) if isinstance(part, ast.Constant) else VARIES for part in words.values]
                found.append(Message("".join(parts), "tools/run"))
    return found


def of_the_app_host() -> list[Message]:
    """What `Startup.Fail` says in the app model."""
    return [
        Message(re.sub(r"\{[^}]*\}", VARIES, said), f"AppHost/{file.name}")
        for file in sorted((ROOT / "AppHost").glob("*.cs"))
        for said in re.findall(r'\bFail\(\$?"([^"]*)"\)', file.read_text())
    ]


class _Package:
    """Functions by name; a name that several files use stands for all of them."""

    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.trees = {
            path: ast.parse(path.read_text())
            for folder in folders
            for path in sorted(folder.rglob("*.py"))
            if "static" not in path.parts
        }
        self.functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        self.constants: dict[str, list[ast.expr]] = {}
        for tree in self.trees.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self.functions.setdefault(node.name, []).append(node)
            for node in tree.body:
                if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                    self.constants.setdefault(node.targets[0].id, []).append(node.value)


def of_package(*folders: Path, root: Path = ROOT) -> Iterator[Message]:
    package = _Package(folders)
    for path, tree in package.trees.items():
        where = str(path.relative_to(root))
        scopes = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for scope in [*scopes, tree]:
            for node in _own(scope):
                if isinstance(node, ast.Call):
                    for words in _carried(node):
                        for text in sorted(_texts(words, scope, package, 0)):
                            if re.search(r"[a-z]{2}", text.replace(VARIES, "")):
                                yield Message(text, where)


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions in it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            yield from _own(node)


def _carried(call: ast.Call) -> list[ast.expr]:
    match call.func:
        case ast.Attribute(value=ast.Name(id="log"), attr=name) if name in LOGGED:
            return call.args[:1]
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name):
            pass
        case _:
            return []
    if name in CARRIERS and call.args:
        return [call.args[1 if name == "HttpRefusal" else -1]]  # before it: causes and codes
    if name == "Finding" and not (isinstance(call.args[1], ast.Constant) and call.args[1].value in ("ok", "skipped")):
        return [call.args[2]]
    return []


def _texts(node: ast.expr, scope: ast.AST, package: _Package, depth: int) -> set[str]:
    """What an expression may come to. What cannot be told is `…`."""

    def of(*nodes: ast.expr) -> set[str]:
        return {text for one in nodes for text in _texts(one, scope, package, depth)}

    def joined(parts: Iterable[set[str]]) -> set[str]:
        made = {""}
        for part in parts:
            made = {before + after for before in made for after in part}
        return {re.sub(f"{VARIES}+", VARIES, text) for text in made}

    match node:
        case ast.Constant(value=str(text)):
            return {re.sub(r"%[sd]", VARIES, text)}
        case ast.JoinedStr(values=values):
            return joined(of(value) for value in values)
        case ast.FormattedValue(value=ast.Name(id=name)) if name.isupper() or name.startswith("_"):
            return of(ast.Name(name))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return joined((of(left), of(right)))
        case ast.Await(value=awaited):
            return of(awaited)
        case ast.IfExp(body=body, orelse=orelse):
            return of(body, orelse)
        case ast.BoolOp(values=values):
            return of(*values)
        case ast.Name(id=name) if depth < 4:
            given = [*_assigned(name, scope), *package.constants.get(name, ())]
            texts = {text for one in given for text in _texts(one, scope, package, depth + 1)}
            return texts or {VARIES}
        case ast.Call(func=ast.Name(id=name)) if depth < 4 and name in package.functions:
            return {
                text
                for function in package.functions[name]
                for child in _own(function)
                if isinstance(child, ast.Return) and child.value is not None
                for text in _texts(child.value, function, package, depth + 1)
            }
        case ast.Call(func=ast.Attribute(attr=name)) if depth < 4 and name in package.functions and name != "get":
            return of(ast.Call(ast.Name(name), [], []))
    return {VARIES}


def _assigned(name: str, scope: ast.AST) -> Iterator[ast.expr]:
    for node in _own(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                yield value
            case ast.NamedExpr(target=ast.Name(id=target), value=value) if target == name:
                yield value
