"""docs/explanation/demo-model.md says what the demo model says, and has a place for its evaluation."""

from pathlib import Path

from demo_model.sentences import LINES

TEXT = (Path(__file__).parents[3] / "docs/explanation/demo-model.md").read_text()


def test_every_sentence_of_the_demo_is_documented_and_no_other() -> None:
    rows = TEXT.partition("| when | sentence |")[2].partition("\n\n")[0].splitlines()[2:]
    assert sorted(row.split("|")[2].strip() for row in rows) == sorted(LINES.values())


def test_the_evaluation_has_its_place() -> None:
    begin, end = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"
    assert (TEXT.count(begin), TEXT.count(end)) == (1, 1)
    assert TEXT.index(begin) < TEXT.index(end)
