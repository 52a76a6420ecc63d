"""A stand-in for a Hugging Face hub: the real HTTP interface, served from a folder of this machine."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LARGE = 100_000

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it serves, and how it misbehaves."""

    files: dict[str, bytes]
    url: str = ""
    status: int = 200
    error_code: str = ""
    """The header by which a hub says which error it is."""
    error_message: str = ""
    cut: dict[str, int] = field(default_factory=dict)
    """Files of which only so many bytes arrive, once."""
    always_cut: int | None = None
    """Of files over 100 kB only so many bytes arrive each time."""
    gate: threading.Event = field(default_factory=threading.Event)
    """While it is not set, files over 100 kB stop half-way."""
    asked: list[str] = field(default_factory=list)
    """Method, path and range of every request."""

    def __post_init__(self) -> None:
        self.gate.set()


@contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """It has one repository, `org/model`, with the files in `folder`."""
    hub = Hub({path.name: path.read_bytes() for path in folder.iterdir()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._serve(body=False)

        def do_GET(self) -> None:
            self._serve(body=True)

        def _serve(self, body: bool) -> None:
            hub.asked.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
            found = re.fullmatch(rf"/org/model/resolve/(main|{COMMIT})/(.+)", self.path)
            if hub.status != 200:
                self._refuse(hub.status, hub.error_code)
            elif not self.path.startswith("/org/model/"):
                self._refuse(401, "RepoNotFound")
            elif found is None:
                self._refuse(404, "RevisionNotFound")
            elif (content := hub.files.get(found[2])) is None:
                self._refuse(404, "EntryNotFound")
            else:
                self._send(found[2], content, body)

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", hub.error_message)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, name: str, content: bytes, body: bool) -> None:
            begin = int(re.findall(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[0])
            self.send_response(206 if begin else 200)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Content-Length", str(len(content) - begin))
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            if not body:
                return
            large = len(content) > LARGE
            arrives = hub.always_cut if large and hub.always_cut is not None else hub.cut.pop(name, None)
            if arrives is not None:
                self.wfile.write(content[begin:arrives])
                self.close_connection = True
                return
            half = begin + (len(content) - begin) // 2
            self.wfile.write(content[begin:half])
            self.wfile.flush()
            if large:
                hub.gate.wait(30)
            self.wfile.write(content[half:])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
