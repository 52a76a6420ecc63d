"""docs/explanation/demo-model.md has the sentences of the demo, and docs/evidence/demo-model.md its evaluation."""

from pathlib import Path

from demo_model.sentences import LINES

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "explanation/demo-model.md").read_text()
EVIDENCE = (DOCS / "evidence/demo-model.md").read_text()


def test_every_sentence_of_the_demo_is_documented_and_no_other() -> None:
    rows = TEXT.partition("| when | sentence |")[2].partition("\n\n")[0].splitlines()[2:]
    assert sorted(row.split("|")[2].strip() for row in rows) == sorted(LINES.values())


def test_the_evaluation_has_its_place() -> None:
    begin, end = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"
    assert (EVIDENCE.count(begin), EVIDENCE.count(end)) == (1, 1)
    assert EVIDENCE.index(begin) < EVIDENCE.index(end)
