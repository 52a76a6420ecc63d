"""Many moshis behind real frontends: processes, a real DNS server, and one network for them alone.

`fleet_scenarios.py` has the scenarios. Each runs here in a short form; docs/evidence/scale.md has the long one.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.alone

SCENARIOS = Path(__file__).parents[2] / "support" / "fleet_scenarios.py"


def run(folder: Path, *scenarios: str) -> dict[str, Any]:
    """What the scenarios print, by name."""
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    sandbox = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(resolver), str(Path("/etc/resolv.conf").resolve())]
    sandbox += ["--unshare-net", "--die-with-parent", "--cap-add", "ALL"]
    if os.geteuid() != 0:
        sandbox += ["--unshare-user", "--uid", "0", "--gid", "0"]
    command = [*sandbox, sys.executable, str(SCENARIOS), str(folder), *scenarios]
    environment = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=900, check=True, env=environment)
    told: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        told |= json.loads(line)
    return told


def test_replicas_die_drain_and_come_and_no_new_conversation_fails(tmp_path: Path) -> None:
    told = run(tmp_path, "churn")["churn"]
    assert (told["failures"], told["left to do"], told["drained"]) == ([], [], [0])
    assert told["ok"] + told.get("cut", 0) == told["talks"] > 12


def test_a_burst_waits_only_when_all_are_full_and_dns_may_be_away(tmp_path: Path) -> None:
    told = run(tmp_path, "burst", "dns_down")
    burst = told["burst"]
    assert (burst["begun at once"], burst["told a place"]) == (32, 8)
    assert [(end["type"], end["code"]) for end in burst["refused"]] == [("end", 1013)] * 2
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
