"""Roles to choose from."""

import json
from pathlib import Path

import pytest

from moshi_backend.errors import LoadError
from moshi_backend.personas.presets import CHARACTERS, read_presets


def test_the_presets_that_come_with_the_service_are_fit_to_be_offered() -> None:
    presets = read_presets(None)
    assert len(presets) >= 3
    assert len({preset.name for preset in presets}) == len(presets)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "Invalid JSON"),
        ('{"id": "a"}', "valid array"),
        ('[{"id": "a", "name": "A"}]', r"0\.text: Field required"),
        ('[{"id": "../a", "name": "A", "text": "t"}]', r"0\.id"),
        (json.dumps([{"id": "a", "name": "A", "text": "t"}] * 2), "same id twice"),
        (json.dumps([{"id": "a", "name": "A", "text": "t" * (CHARACTERS + 1)}]), r"0\.text"),
    ],
)
def test_presets_that_are_none_are_refused_with_the_place(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "presets.json").write_text(content)
    with pytest.raises(LoadError, match=says):
        read_presets(tmp_path / "presets.json")
    with pytest.raises(LoadError, match="cannot be read"):
        read_presets(tmp_path / "none.json")
