"""The command line of `scenario6`."""

from pathlib import Path

import pytest

from scenario6_client.arguments import read
from scenario6_client.talk import Plan

URL = "http://localhost:8080"


def plan(*arguments: str, **environment: str) -> Plan:
    found = read(["talk", URL, *arguments], environment).plan
    assert found is not None
    return found


def test_a_plan_is_what_was_asked_for() -> None:
    assert plan() == Plan("ws://localhost:8080/api/chat")
    asked = plan("--in", "q.wav", "--listen", "3", "--param", "seed=7", "--param", "text_prompt=be kind", "--wait", "5")
    assert (asked.question, asked.listen, asked.wait) == (Path("q.wav"), 3.0, 5.0)
    assert asked.address == "ws://localhost:8080/api/chat?seed=7&text_prompt=be+kind&protocol=2"
    assert read(["devices"]).plan is None


def test_a_token_comes_from_the_variable_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert plan(MOSHI_API_TOKEN="from-variable").token == "from-variable"
    assert plan("--token-file", str(tmp_path / "token"), MOSHI_API_TOKEN="from-variable").token == "from-file"
    assert plan().token is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ([], "command"),
        (["talk"], "url"),
        (["talk", "localhost"], "[address-invalid]"),
        (["talk", URL, "--listen", "3"], "belongs to --in"),
        (["talk", URL, "--in", "a.wav", "--listen", "-1"], "0 to 3600"),
        (["talk", URL, "--in", "a.wav", "--listen", "nan"], "0 to 3600"),
        (["talk", URL, "--in", "a.wav", "--speaker", "2"], "--in takes the place"),
        (["talk", URL, "--wait", "soon"], "1 to 86400"),
        (["talk", URL, "--buffer", "3"], "0.01 to 2"),
        (["talk", URL, "--param", "novalue"], "KEY=VALUE"),
        (["talk", URL, "--out", "no/such/folder/a.wav"], "[file-not-written]"),
        (["talk", URL, "--report", "no/such/folder/a.json"], "[file-not-written]"),
        (["talk", URL, "--out", "."], "[file-not-written] . cannot be written: it is a folder"),
        (["talk", URL, "--in", "a.wav", "--out", "./a.wav"], "need different files"),
        (["talk", URL, "--token-file", "no-such-file"], "[token-unusable]"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_code_2(
    wrong: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        read(wrong, {})
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert says in said


def test_a_file_that_cannot_be_written_is_noticed_before_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scenario6_client.arguments.os.access", lambda _path, _mode: False)
    with pytest.raises(SystemExit):
        plan("--out", str(tmp_path / "a.wav"))
    assert "cannot be written: permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("token", ["", "two words", "schlüssel", "tab\there"])
def test_a_token_that_no_header_can_carry(token: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["talk", URL], {"MOSHI_API_TOKEN": token})
    said = capsys.readouterr().err
    assert "[token-unusable]" in said and (not token or token not in said)


def test_the_help_has_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read(["talk", "--help"])
    assert "exit codes: 0 the conversation went as it was meant" in capsys.readouterr().out
