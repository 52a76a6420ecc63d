"""The permissions of the page: the sources that it may load from, and the devices that it may use."""

from collections.abc import Sequence


def content_security_policy(reachable: Sequence[str]) -> str:
    """`reachable`: other origins that the page may connect to, e.g. `wss://moshi.example:8998`."""
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
            "frame-ancestors 'none'",
        )
    )


def page_headers(reachable: Sequence[str]) -> dict[str, str]:
    """The headers of the page and its files. `reachable`: see `content_security_policy`."""
    return {
        "Content-Security-Policy": content_security_policy(reachable),
        "Permissions-Policy": "microphone=(self), speaker-selection=(self), screen-wake-lock=(self)",
    }
