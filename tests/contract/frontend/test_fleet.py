"""Many moshis behind real frontends: processes, a real DNS server, and one network for them alone.

`fleet_scenarios.py` has the scenarios. Each runs here in a short form; `tools/bench fleet` runs the long ones, for
docs/evidence/scale.md.
"""

from pathlib import Path

import pytest

from support.fleet import run

pytestmark = pytest.mark.alone


def test_replicas_die_drain_and_come_and_no_new_conversation_fails(tmp_path: Path) -> None:
    told = run(tmp_path, "churn")["churn"]
    assert (told["failures"], told["left to do"], told["drained"]) == ([], [], [0])
    assert told["ok"] + told.get("cut", 0) == told["talks"] > 12


def test_a_burst_waits_only_when_all_are_full_and_dns_may_be_away(tmp_path: Path) -> None:
    told = run(tmp_path, "burst", "dns_down")
    burst = told["burst"]
    assert (burst["begun at once"], burst["told a place"]) == (32, 8)
    assert burst["refused"] == [1013] * 2
    assert burst["begun after one left"] == 1
    assert burst["wrong setting"] == 4001
    assert told["dns_down"]["talks"] == told["dns_down"]["ok"] > 0
    assert told["dns_down"]["health"] == 200


def test_a_certificate_must_have_the_name_that_dns_was_asked_for_and_srv_records_name_a_service(tmp_path: Path) -> None:
    told = run(tmp_path, "tls")["tls"]
    assert told["moshi.test"][0] == "ok"
    assert told["other.test"][1] == "its certificate has another name; see MOSHI_TLS_HOSTS"
    assert told["_moshi._tcp.test"] == "ok"


def test_frontends_are_replaced_and_no_conversation_is_cut(tmp_path: Path) -> None:
    told = run(tmp_path, "rolling")["rolling"]
    assert told["ok"] == told["talks"] > 0
    assert told["exit codes"] == [503, 0, 503, 0]
