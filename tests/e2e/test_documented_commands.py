"""What README.md and docs/tutorial/quickstart.md tell to type is typed, in a shell, in this checkout."""

import os
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from support.documents import Block, blocks
from support.services import clean_environment, free_port
from support.terminal import started

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
PAGES = (Path("README.md"), Path("docs/tutorial/quickstart.md"))
TYPED = [block for page in PAGES for block in blocks(page) if block.language == "sh"]
ONCE = [block for block in TYPED if not block.mark and "make run" not in block.text]
STARTS = [block for block in TYPED if not block.mark and "make run" in block.text]
MEANWHILE = [block for block in TYPED if block.mark == "while: make run"]


def at_free_ports(text: str, ports: dict[str, str]) -> str:
    """The documented ports may be in use on this machine."""
    return text.replace(":8080", f":{ports['FRONTEND_PORT']}").replace(":8998", f":{ports['MOSHI_PORT']}")


@pytest.fixture
def ports() -> dict[str, str]:
    return {"MOSHI_PORT": str(free_port()), "FRONTEND_PORT": str(free_port())}


@pytest.mark.parametrize("block", ONCE, ids=str)
def test_a_command_does_what_it_is_there_for(block: Block, ports: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-euc", block.text], cwd=ROOT, env=clean_environment(**ports), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("block", STARTS, ids=str)
def test_a_command_starts_both_services(block: Block, ports: dict[str, str], tmp_path: Path) -> None:
    (command,) = block.text.splitlines()
    with started(command, ports, tmp_path / "log") as page:
        secure = "LAN=1" in command
        assert page == f"{'https' if secure else 'http'}://localhost:{ports['FRONTEND_PORT']}"
        fetch = ["curl", "--fail", "--silent", "--cacert", str(ROOT / ".state/tls/ca.pem"), page]
        assert b"<title>" in subprocess.run(fetch, check=True, stdout=subprocess.PIPE).stdout


def test_commands_for_when_it_runs(ports: dict[str, str], tmp_path: Path) -> None:
    commands = [line for block in MEANWHILE for line in block.text.splitlines()]
    assert commands
    with started("make run", ports, tmp_path / "log"):
        for command in commands:
            done = subprocess.run(
                ["sh", "-euc", at_free_ports(command, ports)], cwd=ROOT, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{command}: {done.stderr}"
            assert done.stdout.startswith("{")


def test_the_authority_that_users_are_told_to_trust_is_the_one_of_make_run(
    ports: dict[str, str], tmp_path: Path
) -> None:
    """As docs/how-to/certificates.md says it: a command prints the file, before or after the first start."""
    (command,) = (block for block in blocks(Path("docs/how-to/certificates.md")) if not block.mark)
    # Where services that are asked alone keep theirs: it must not matter.
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": os.environ["HOME"]}

    def told() -> str:
        environment = clean_environment(**elsewhere, **ports)
        shell = ["sh", "-euc", command.text]
        done = subprocess.run(shell, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.splitlines()[-1]

    authority = told()
    with started("FRONTEND_TLS=auto make run", elsewhere | ports, tmp_path / "log") as page:
        assert told() == authority
        for url in (page, f"https://localhost:{ports['MOSHI_PORT']}"):
            trust = ssl.create_default_context(cafile=authority)
            assert httpx.get(f"{url}/alive", verify=trust, trust_env=False).json() == {"status": "alive"}
    doctor = subprocess.run(
        ["make", "doctor"], cwd=ROOT, env=clean_environment(**elsewhere, **ports), stdout=subprocess.PIPE, text=True
    )
    assert str(Path(authority).parents[1]) in doctor.stdout
