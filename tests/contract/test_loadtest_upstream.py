"""What tools/bench_upstream compares does run: upstream's own server, unmodified, without a GPU, and ours."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from comparison.servers import Server, ours, upstream
from comparison.trials import clients, until_ready
from loadtest.audio import encode, noise

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("server", [upstream, ours])
async def test_a_server_starts_and_answers(
    server: Callable[[Path], AbstractContextManager[Server]], tmp_path: Path
) -> None:
    with server(tmp_path) as running:
        await until_ready(running)
        figures, outcome = await clients(running, encode(noise(1.0)), 1, 1.0)
    assert figures.served == 1
    assert figures.lag_ms is not None
    assert outcome.conversations[0].heard


async def test_a_server_that_does_not_start_is_an_error_that_names_its_log(tmp_path: Path) -> None:
    with upstream(tmp_path) as broken:
        broken.process.kill()
        broken.process.wait()
        with pytest.raises(RuntimeError, match=r"upstream\.log"):
            await until_ready(broken)
