from pathlib import Path

import pytest

from loadtest.arguments import read

URL = "ws://localhost:1/api/chat"


def test_a_plan_is_what_was_asked_for() -> None:
    plan = read([URL, "--sessions", "3", "--churn", "4", "--param", "text_topk=25", "--protocol", "2"]).plan
    assert (plan.sessions, plan.churn, plan.seconds) == (3, 4.0, 20.0)
    assert plan.address() == URL + "?text_topk=25&protocol=2"
    assert plan.trust() is None


def test_parameters_join_those_in_the_address() -> None:
    assert read([URL + "?a=1", "--param", "b=x y"]).plan.address() == URL + "?a=1&b=x+y"


def test_abusive_kinds_may_be_many() -> None:
    assert read([URL, "--abusive", "flood:2", "--abusive", "text"]).plan.abusive == ("flood", "flood", "text")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([], "url"),
        (["http://localhost"], "ws:// or wss://"),
        ([URL, "--sessions", "0"], "1 to 1000"),
        ([URL, "--sessions", "two"], "1 to 1000"),
        ([URL, "--seconds", "soon"], "0.5 to 86400"),
        ([URL, "--seconds", "nan"], "0.5 to 86400"),
        ([URL, "--abusive", "rude"], "flood"),
        ([URL, "--abusive", "flood:0"], "1 to 1000"),
        ([URL, "--param", "novalue"], "KEY=VALUE"),
        ([URL, "--protocol", "3"], "choose from"),
        ([URL, "--plot", "lags.jpg"], ".png"),
        ([URL, "--json", "no/such/folder/file.json"], "make it first"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(
    wrong: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(wrong)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert says in said


def test_files_may_be_in_the_folder_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read([URL, "--json", "a.json"]).json == Path("a.json")
