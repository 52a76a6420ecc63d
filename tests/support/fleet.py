"""Runs scenarios of fleet_scenarios.py in a network of their own, whose DNS server is theirs too."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SCENARIOS = Path(__file__).with_name("fleet_scenarios.py")


def run(folder: Path, *scenarios: str) -> dict[str, Any]:
    """What the scenarios print, by name. `--long` among them asks for their long form."""
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
