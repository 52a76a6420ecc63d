"""The checked-in description of the HTTP interface is that of the code."""

from pathlib import Path

from moshi_frontend.openapi import document

CHECKED_IN = Path(__file__).parents[3] / "docs/reference/openapi-frontend.json"


def test_the_checked_in_document_is_current() -> None:
    assert CHECKED_IN.read_text() == document(), (
        "run: python -m moshi_frontend.openapi > docs/reference/openapi-frontend.json"
    )
