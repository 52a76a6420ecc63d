"""A model that is not here, and no way to the hub: one line, and none of the hub's client."""

import re
import time
from pathlib import Path

from support.services import free_port, running_moshi

IMPATIENT = "import time; sleep = time.sleep; time.sleep = lambda seconds: sleep(min(seconds, 0.1))"
"""Between its attempts, the hub's client would wait for 23 s."""


def test_a_model_without_a_network_is_one_line(tmp_path: Path) -> None:
    hub = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "sitecustomize.py").write_text(IMPATIENT)
    settings = {"MOSHI_MODEL": "nobody/nothing", "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    settings["PYTHONPATH"] = str(tmp_path)
    with running_moshi(tmp_path, settings, wait=False) as moshi:
        deadline = time.monotonic() + 120
        while " ERROR " not in moshi.log.read_text():
            assert time.monotonic() < deadline, moshi.log.read_text()
            time.sleep(0.1)
        logged = moshi.log.read_text()
    assert re.findall(r" ERROR \S+ (.*)", logged) == [
        f"[hub-unreachable] {hub} cannot be reached or fails: check the network and HTTPS_PROXY, then start again; "
        "what has been downloaded is kept"
    ]
    assert "MaxRetryError" not in logged
    assert [line for line in logged.splitlines() if not re.match(r"\d{4}-\d\d-\d\d \d\d:", line)] == []
