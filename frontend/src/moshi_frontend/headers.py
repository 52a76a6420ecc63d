"""The permissions of the page: the sources that it may load from, and the devices that it may use."""

from collections.abc import Sequence


def content_security_policy(reachable: Sequence[str], embedders: Sequence[str] = ()) -> str:
    """The sources and neighbours of the page.

    Args:
        reachable: other origins that the page may connect to, e.g. `wss://moshi.example:8998`.
        embedders: origins whose pages may show this page in a frame. Without any, no page may.
    """
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "worker-src 'self'",
            " ".join(("connect-src 'self'", *reachable)),
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            " ".join(("frame-ancestors", *(embedders or ("'none'",)))),
        )
    )


def page_headers(reachable: Sequence[str], embedders: Sequence[str] = ()) -> dict[str, str]:
    """The headers of the page and its files. The arguments are those of `content_security_policy`.

    In a frame, the page around it has to pass the devices on as well (`allow="microphone"`).
    """
    return {
        "Content-Security-Policy": content_security_policy(reachable, embedders),
        "Permissions-Policy": "microphone=(self), speaker-selection=(self), screen-wake-lock=(self)",
    }
