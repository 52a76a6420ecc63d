"""Criteria and their table."""

import math

import pytest

from demo_model.evaluation.report import BEGIN, END, Criterion, Report, share, with_table


@pytest.mark.parametrize(
    ("criterion", "passed"),
    [
        (Criterion("", 0.98, 0.98, 100), True),
        (Criterion("", 0.979, 0.98, 100), False),
        (Criterion("", 0.6, 0.6, 100, at_most=True), True),
        (Criterion("", 0.61, 0.6, 100, at_most=True), False),
        (Criterion("", 1.0, 0.98, 99, needed=100), False),
        (Criterion("", math.nan, 0.98, 100), False),
        (Criterion("", math.nan, 0.98, 100, at_most=True), False),
    ],
)
def test_a_bound_is_a_bound(criterion: Criterion, passed: bool) -> None:
    assert criterion.passed is passed
    assert criterion.row[-1] == ("pass" if passed else "FAIL")


def test_a_few_events_may_spare_one() -> None:
    assert not share("", [True] * 19 + [False], 0.98, 20).passed
    assert share("", [True] * 19 + [False], 0.98, 20, spared=1).passed
    assert not share("", [True] * 18 + [False] * 2, 0.98, 20, spared=1).passed
    assert share("", [False] * 19 + [True], 0.02, 20, spared=1, at_most=True).passed
    assert not share("", [False] * 18 + [True] * 2, 0.02, 20, spared=1, at_most=True).passed


def test_no_events_are_a_failure() -> None:
    assert not share("", [], 0.98, 0).passed


def test_a_report_without_criteria_did_not_pass() -> None:
    assert not Report().passed


def test_one_failure_fails_the_report() -> None:
    report = Report()
    report.add("Turns", [Criterion("greets", 1.0, 0.98, 100)])
    assert (report.failed, report.passed) == ([], True)
    report.add("Speech", [Criterion("words", 0.9, 0.92, 100)], ["a note"])
    assert not report.passed
    assert [criterion.name for criterion in report.failed] == ["words"]
    assert "FAIL  words" in str(report)


def test_the_table_replaces_what_is_between_the_markers() -> None:
    report = Report()
    report.add("Turns", [Criterion("greets", 1.0, 0.98, 120)], [r"a \1 note"])
    document = f"before\n{BEGIN}\nold\ntable\n{END}\nafter\n"
    written = with_table(document, report)
    assert written.startswith(f"before\n{BEGIN}\n| | measured")
    assert "| greets | 100.0 % | ≥ 98.0 % | 120 | pass |" in written
    assert r"- Turns: a \1 note." in written
    assert "old" not in written
    assert written.endswith(f"{END}\nafter\n")
    assert with_table(written, report) == written


@pytest.mark.parametrize("document", ["", BEGIN, f"{BEGIN}{END}{BEGIN}"])
def test_a_document_without_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match="needs one line"):
        with_table(document, Report())
