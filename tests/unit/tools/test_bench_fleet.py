"""The trials of tools/bench fleet, without a fleet."""

import json
from pathlib import Path

import pytest

from benchmarks import fleet
from support.fleet_scenarios import SCENARIOS


@pytest.mark.parametrize(("given", "trials"), [([], list(SCENARIOS)), (["many"], ["many"])])
def test_each_trial_runs_in_its_long_form(
    given: list[str], trials: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(folder: Path, *arguments: str) -> dict[str, object]:
        assert folder.is_dir()
        return {arguments[0]: arguments[1:]}

    monkeypatch.setattr(fleet, "run", run)
    assert fleet.main(given) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{trial: ["--long"]} for trial in trials]


def test_an_unknown_trial_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fleet.main(["storm"])
    assert "storm" in capsys.readouterr().err
