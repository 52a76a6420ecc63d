"""The files that `scenario6 talk` leaves behind."""

from pathlib import Path

import pytest

from scenario6_client import __main__ as command
from scenario6_client.audio import encode, noise
from scenario6_client.captions import Terminal
from scenario6_client.conversation import Conversation
from scenario6_client.talk import Plan

SOUND = b"".join(message[1:] for message in encode(noise(0.5)))


@pytest.mark.parametrize(
    ("audio", "report", "says", "kept"),
    [
        (SOUND, "missing/report.json", "[file-not-written]", "answer.wav"),
        (bytes(3000), "report.json", "[answer-unreadable]", "report.json"),
    ],
)
def test_a_file_that_fails_does_not_take_the_other_with_it(
    audio: bytes,
    report: str,
    says: str,
    kept: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A disk may be full, or a folder gone, after an hour of conversation."""
    (tmp_path / "missing").mkdir()
    (tmp_path / "question.wav").touch()

    async def talk(_plan: Plan, _terminal: Terminal, conversation: Conversation) -> None:
        conversation.connected, conversation.handshake_seconds = True, 0.1
        conversation.audio += audio
        (tmp_path / "missing").rmdir()

    monkeypatch.setattr(command, "_until_a_signal", talk)
    files = ["--in", tmp_path / "question.wav", "--out", tmp_path / "answer.wav", "--report", tmp_path / report]
    assert command.main(["talk", "http://localhost:8080", *map(str, files)]) == 1
    assert says in capsys.readouterr().err
    assert (tmp_path / kept).stat().st_size > 100
