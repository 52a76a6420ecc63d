"""Roles to choose from: one data file, `presets.json` or one's own."""

from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from moshi_backend.errors import LoadError

CHARACTERS = 4000
"""Of a text prompt, at most. MOSHI_PROMPT_TOKENS is the real limit. This one bounds the work of the tokenizer, and its
worst case (an emoji takes 12 bytes of a URL) fits into a request of 64 KiB."""


class Preset(BaseModel):
    """`text`: what the model is told that it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    name: str = Field(min_length=1, max_length=60)
    text: str = Field(min_length=1, max_length=CHARACTERS)


def read_presets(path: Path | None) -> list[Preset]:
    """Those in `path`, or those that come with the service.

    Raises:
        LoadError: the file is not such a list; says where it is wrong.
    """
    try:
        content = (path or Path(str(resources.files("moshi_backend.personas") / "presets.json"))).read_bytes()
        presets = TypeAdapter(list[Preset]).validate_json(content)
    except OSError as error:
        raise LoadError(f"MOSHI_PRESETS={path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise LoadError(
            f'MOSHI_PRESETS={path}: {where}: {first["msg"]}. It takes a list of {{"id", "name", "text"}}'
        ) from None
    ids = [preset.id for preset in presets]
    if len(set(ids)) < len(ids):
        raise LoadError(f"MOSHI_PRESETS={path} has the same id twice")
    return presets
