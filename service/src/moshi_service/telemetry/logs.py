"""Log lines on stderr, for people or as JSON for machines, with the trace that they belong to."""

import logging
from typing import Any, Literal

from opentelemetry import trace
from pythonjsonlogger.json import JsonFormatter

from moshi_service.errors import Problem

QUIET = ("uvicorn", "opentelemetry", "httpx")
"""Libraries that log warnings only. httpx would log a line for each request."""


def start(form: Literal["text", "json"], package: str, level: str = "info") -> None:
    """Begin to log.

    Args:
        package: the service's own, whose lines begin at `level`. Libraries never log their details, which may hold
            secrets.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    handler.addFilter(_Occasional("opentelemetry", 60.0))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger(package).setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def formatter(form: Literal["text", "json"]) -> logging.Formatter:
    """How a line looks. JSON has the code of an error in the field `error`."""
    return _Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s")


class _Occasional(logging.Filter):
    """Lets one line in `seconds` of a library through: while a collector is away, its exporters repeat themselves."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name)
        self._seconds = seconds
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return True
        if record.created < self._next:
            return False
        self._next = record.created + self._seconds
        return True


class _Text(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        line = super().formatMessage(record)
        return f"{line} trace={ids['trace_id']}" if (ids := _ids()) else line


class _Json(JsonFormatter):
    def __init__(self) -> None:
        super().__init__(
            "%(asctime)s %(levelname)s %(name)s %(message)s",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        if isinstance(record.msg, Problem):
            log_data["error"] = record.msg.code
        log_data.update(_ids())


def _ids() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}
