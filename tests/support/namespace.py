"""A second machine on a network of its own with this one: a network namespace of Linux."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

HOST, OTHER, NEXT = "10.213.77.1", "10.213.77.2", "10.213.77.3"
"""This machine in that network, the other one, and its next address."""


@dataclass(frozen=True)
class Namespace:
    """`name`: of the namespace. `link`: its network interface."""

    name: str
    link: str

    def run(self, *command: str) -> str:
        """What a command on the other machine prints."""
        inside = ["ip", "netns", "exec", self.name, *command]
        return subprocess.run(inside, check=True, stdout=subprocess.PIPE, text=True).stdout

    def unplug(self) -> None:
        """Pull the cable."""
        self.run("ip", "link", "set", self.link, "down")

    def plug_in(self) -> None:
        """Put the cable back. The address is still there, and the route goes with the cable."""
        self.run("ip", "link", "set", self.link, "up")
        self.run("ip", "route", "add", "default", "via", HOST)

    def change_address(self) -> None:
        """As in another network: the address before is gone."""
        self.run("ip", "address", "del", f"{OTHER}/24", "dev", self.link)
        self.run("ip", "address", "add", f"{NEXT}/24", "dev", self.link)
        self.run("ip", "route", "add", "default", "via", HOST)

    def program(self, folder: Path, path: str) -> Path:
        """A program that runs on the other machine, as a file to be started by its name."""
        script = folder / Path(path).name
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.name} {path} "$@"\n')
        script.chmod(0o755)
        return script


@contextmanager
def second_machine() -> Iterator[Namespace]:
    """The other machine reaches this one by every address. Skips the test where nobody may make one."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and the command `ip` (package iproute2)")
    made = Namespace(f"scenario6-{os.getpid()}", f"s6o{os.getpid()}")
    here = f"s6h{os.getpid()}"
    created = subprocess.run(["ip", "netns", "add", made.name], stderr=subprocess.PIPE, text=True)
    if created.returncode:
        pytest.skip(f"this machine makes no network namespace: {created.stderr.strip()}")
    try:
        subprocess.run(["ip", "link", "add", here, "type", "veth", "peer", made.link, "netns", made.name], check=True)
        subprocess.run(["ip", "address", "add", f"{HOST}/24", "dev", here], check=True)
        subprocess.run(["ip", "link", "set", here, "up"], check=True)
        for command in (f"link set {made.link} up", "link set lo up"):
            made.run("ip", *command.split())
        made.run("ip", "address", "add", f"{OTHER}/24", "dev", made.link)
        made.run("ip", "route", "add", "default", "via", HOST)
        yield made
    finally:
        subprocess.run(["ip", "netns", "del", made.name], check=True)
        subprocess.run(["ip", "link", "del", here], stderr=subprocess.DEVNULL)  # it went with the namespace's end
