"""The built page: compressed at build time; found in a table made at start, so no path leads elsewhere."""

from pathlib import Path

from servestatic import ServeStaticASGI  # type: ignore[import-untyped]
from starlette.types import ASGIApp

BUILT = Path(__file__).with_name("static")


def with_page(app: ASGIApp, folder: Path) -> ASGIApp:
    """`app`, behind the files of `folder`; `app` alone when nothing was built there."""
    if not (folder / "index.html").is_file():
        return app
    files: ASGIApp = ServeStaticASGI(
        app,
        root=folder,
        index_file=True,
        max_age=None,
        allow_all_origins=False,
        # The build puts a hash of the content into the names there.
        immutable_file_test=lambda _path, url: url.startswith("/assets/"),
        add_headers_function=lambda headers, _path, _url: headers.setdefault("Cache-Control", "no-cache"),
    )
    return files
