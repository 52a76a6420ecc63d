"""Roles to choose from: one data file, `presets.json` or one's own."""

from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from moshi_backend.errors import LoadError
from moshi_backend.errors import personas as errors

CHARACTERS = 4000
"""Of a text prompt, at most. The operator's limit of tokens is the real one. This one bounds the work of the tokenizer,
and its worst case (an emoji takes 12 bytes of a URL) fits into a request of 64 KiB."""


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
        raise LoadError(errors.presets_unreadable(path, error.strerror)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise LoadError(errors.presets_malformed(path, where, first["msg"])) from None
    ids = [preset.id for preset in presets]
    if len(set(ids)) < len(ids):
        raise LoadError(errors.presets_same_id(path))
    return presets
