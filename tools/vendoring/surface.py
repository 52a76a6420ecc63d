"""What upstream's own programs show to the outside: options of the command line, and the words of the wire protocol.

Our service speaks that protocol without upstream's server, so a change there is to be looked at, though no name of the
API changes. Told from the source by rule: options are what `add_argument` gets; the protocol is one-byte literals, what
`kind` is compared with, routes, and query parameters, in the server and the clients.
"""

import ast
from collections.abc import Mapping

_SPEAKERS = ("server.py", "client.py", "client_gradio.py", "client_utils.py")


def options(files: Mapping[str, bytes]) -> dict[str, str]:
    """Each option as `module --name` and what it takes."""
    found: dict[str, str] = {}
    for path, node in _nodes(files):
        if isinstance(node, ast.Call) and _called(node) == "add_argument":
            names = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            takes = [
                f"{keyword.arg}={ast.unparse(keyword.value)}"
                for keyword in node.keywords
                if keyword.arg and keyword.arg != "help"
            ]
            found[f"{path.removesuffix('.py').replace('/', '.')} {' '.join(map(str, names))}"] = ", ".join(takes)
    return found


def protocol(files: Mapping[str, bytes]) -> dict[str, str]:
    """Each word as `file: word`; the value is empty."""
    words: set[str] = set()
    for path, node in _nodes(files):
        name = path.rpartition("/")[2]
        if name not in _SPEAKERS:
            continue
        match node:
            case ast.Constant(value=bytes() as value) if len(value) == 1:
                words.add(f"{name}: sends kind {value[0]}")
            case ast.Compare(left=ast.Name(id="kind"), comparators=[ast.Constant(value=int() as value)]):
                words.add(f"{name}: takes kind {value}")
            case ast.Call(args=[ast.Constant(value=str() as value), *_]) if _called(node) in ("add_get", "add_post"):
                words.add(f"{name}: route {value}")
            case ast.Subscript(value=ast.Attribute(attr="query"), slice=ast.Constant(value=str() as value)):
                words.add(f"{name}: query {value}")
            case ast.Call(
                func=ast.Attribute(attr="get", value=ast.Attribute(attr="query")),
                args=[ast.Constant(value=str() as value), *_],
            ):
                words.add(f"{name}: query {value}")
    return dict.fromkeys(sorted(words), "")


def _nodes(files: Mapping[str, bytes]) -> list[tuple[str, ast.AST]]:
    trees = {path: ast.parse(data) for path, data in sorted(files.items()) if path.endswith(".py")}
    return [(path, node) for path, tree in trees.items() for node in ast.walk(tree)]


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""
