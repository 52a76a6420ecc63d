"""The tables in docs/ say what the code says."""

from pathlib import Path

import pytest

from reference import pages

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_is_what_make_docs_writes(name: str) -> None:
    assert (DOCS / name).read_text() == pages()[name]
