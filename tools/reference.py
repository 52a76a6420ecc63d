"""The files in docs/reference/ that are made from the code: `make docs` writes them, and a test compares them."""

import json
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any

from platformdirs import user_state_path
from pydantic.json_schema import GenerateJsonSchema
from pydantic_settings import BaseSettings

import troubleshooting
from moshi_backend.api import openapi as moshi_openapi
from moshi_backend.settings import Settings as MoshiSettings
from moshi_backend.telemetry import metrics as moshi_metrics
from moshi_frontend import openapi as frontend_openapi
from moshi_frontend.settings import Settings as FrontendSettings
from moshi_frontend.telemetry import metrics as frontend_metrics
from moshi_service.protocol import events, wire

DOCS = Path(__file__).parents[1] / "docs"

GENERATED = "`make docs` writes this page from the code.\n"


def pages() -> dict[str, str]:
    """Maps a path in docs/ to its text."""
    return {
        "reference/metrics.md": _metrics_page(),
        "reference/configuration.md": _configuration_page(),
        "reference/openapi-moshi.json": moshi_openapi.document(),
        "reference/openapi-frontend.json": frontend_openapi.document(),
        "reference/events.schema.json": _events(),
        "reference/troubleshooting.md": troubleshooting.page(GENERATED),
    }


def _events() -> str:
    """JSON schema of the metadata messages of `/api/chat`, with the kinds of messages and the close codes."""
    schema = events.ADAPTER.json_schema(mode="serialization", schema_generator=_EventSchema)
    schema["title"] = "ServerEvent"
    schema["$defs"] |= {"Kind": _enum("Kind", wire.Kind), "CloseCode": _enum("CloseCode", wire.CloseCode)}
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class _EventSchema(GenerateJsonSchema):
    """Fields without titles. A service sends every field, also those with a default."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        return field["type"] == "model-field" or super().field_is_required(field, total)


def _enum(title: str, members: type[IntEnum]) -> dict[str, object]:
    return {
        "description": members.__doc__,
        "enum": [member.value for member in members],
        "title": title,
        "tsEnumNames": [member.name.title().replace("_", "") for member in members],  # json-schema-to-typescript's
        "type": "integer",
    }


def _metrics_page() -> str:
    parts = [
        "# Metrics\n",
        GENERATED,
        "The services send these metrics by OTLP. [observability.md](../how-to/observability.md) explains how, and "
        "how to use them. Every attribute takes few values. No attribute contains a session, a client or a text.\n",
    ]
    for title, metrics in (("moshi", moshi_metrics.INSTRUMENTS.all), ("frontend", frontend_metrics.INSTRUMENTS.all)):
        rows = (
            (
                f"`{metric.name}`",
                metric.kind,
                f"`{metric.unit}`",
                metric.description,
                "; ".join(f"`{name}`: {values}" for name, values in metric.attributes.items()),
            )
            for metric in metrics
        )
        parts += [f"## {title}\n", _table(("metric", "kind", "unit", "meaning", "attributes"), rows)]
    return "\n".join(parts)


def _configuration_page() -> str:
    parts = [
        "# Settings\n",
        GENERATED,
        "Each setting is an environment variable. A bad value stops the start with exit code 3 and one line. The line "
        "names the variable, its value and the accepted values.\n",
    ]
    for title, settings in (("moshi", MoshiSettings), ("frontend", FrontendSettings)):
        parts += [f"## {title}\n", _table(("variable", "default", "meaning"), _settings(settings))]
    parts += [
        "## Other variables\n",
        _table(
            ("variable", "belongs to", "meaning"),
            [
                (
                    "`MOSHI_URL`",
                    "frontend",
                    "the address of moshi, a name for several replicas, or several of both with commas: "
                    "[scale.md](../how-to/scale.md#the-address-of-moshi). The default is Aspire's",
                ),
                (
                    "`SCENARIO6_MOSHI_HTTPS`, `SCENARIO6_MOSHI_HTTP`",
                    "Aspire",
                    "the address of moshi, set by the AppHost",
                ),
                ("`services__scenario6-moshi__https__0`, …", "Aspire", "the same, in .NET's form"),
                (
                    "`SCENARIO6_GPU`, `SCENARIO6_REGISTRY`",
                    "the AppHost",
                    "for `aspire run`: [aspire.md](../how-to/aspire.md)",
                ),
                (
                    "`HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`",
                    "huggingface_hub",
                    "the folder for models, and the access to them",
                ),
                (
                    "`OTEL_*`",
                    "OpenTelemetry",
                    "the collector of telemetry: [observability.md](../how-to/observability.md)",
                ),
            ],
        ),
    ]
    return "\n".join(parts)


def _settings(settings: type[BaseSettings]) -> Iterable[tuple[str, str, str]]:
    prefix = settings.model_config["env_prefix"]
    for name, field in settings.model_fields.items():
        value = field.get_default(call_default_factory=True)
        # Where XDG_STATE_HOME is not set, as the specification says.
        said = str(value).replace(str(user_state_path()), "~/.local/state")
        shown = "" if value in (None, ()) else f"`{said}`"
        yield f"`{field.validation_alias or prefix + name.upper()}`", shown, " ".join((field.description or "").split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def main() -> None:
    for name, text in pages().items():
        (DOCS / name).write_text(text)


if __name__ == "__main__":
    main()
