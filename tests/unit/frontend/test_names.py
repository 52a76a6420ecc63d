"""The replicas that DNS names."""

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from moshi_frontend.discovery import Name
from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_frontend.names import LookUpFailed, Names, look_up_name
from moshi_service.errors import Problem

pytestmark = pytest.mark.anyio

MOSHI = Name("dns+http://moshi:8998", "A", "moshi", 8998, "http://moshi:8998")
SPARE = Endpoint("http://spare:8998")


class Dns:
    """Answers with `addresses`, or fails with `failure`, and then stops the look-ups after `answers` of them."""

    def __init__(self, *script: Iterable[str] | Exception) -> None:
        self._script = list(script)
        self.found: list[tuple[list[str], str]] = []

    async def look_up(self, name: Name) -> list[tuple[str, int]]:
        if not self._script:
            raise asyncio.CancelledError
        answer = self._script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [(address, name.port) for address in answer]

    def note(self, endpoints: Sequence[Endpoint], why: Problem | None) -> None:
        self.found.append(([str(endpoint) for endpoint in endpoints], why.text if why else ""))


async def found(*script: Iterable[str] | Exception) -> list[tuple[list[str], str]]:
    """What each look-up led to."""
    dns = Dns(*script)
    with pytest.raises(asyncio.CancelledError):
        await Names([MOSHI, SPARE], dns.note, 0.001, dns.look_up).watch()
    return dns.found


async def test_every_address_is_a_replica_and_an_endpoint_stays() -> None:
    assert await found(["10.0.0.1", "fd00::2"]) == [
        (["http://moshi:8998 (10.0.0.1:8998)", "http://moshi:8998 ([fd00::2]:8998)", "http://spare:8998"], "")
    ]


async def test_they_come_and_go() -> None:
    first, second = await found(["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.3"])
    assert [one.partition("(")[2] for one in second[0][:2]] == ["10.0.0.2:8998)", "10.0.0.3:8998)"]
    assert first != second


async def test_while_dns_fails_or_knows_none_the_last_known_stay() -> None:
    failure = LookUpFailed(errors.dns_failed("temporary failure in name resolution"))
    known, *later = await found(["10.0.0.1"], failure, [], ["10.0.0.1"])
    assert [endpoints for endpoints, _ in later] == [known[0]] * 3
    assert [why for _, why in later] == ["DNS: temporary failure in name resolution", "DNS has no address for it", ""]


async def test_an_error_that_nobody_foresaw_does_not_end_the_look_ups() -> None:
    """For example, a container may have no thread left."""
    known, kept, later = await found(["10.0.0.1"], RuntimeError("can't start new thread"), ["10.0.0.2"])
    assert kept == (known[0], "unexpected answer (RuntimeError)")
    assert later[0][0] == "http://moshi:8998 (10.0.0.2:8998)"


async def test_without_an_answer_so_far_there_is_a_reason() -> None:
    ((endpoints, why),) = await found(LookUpFailed(errors.dns_failed("name or service not known")))
    assert (endpoints, why) == (["http://spare:8998"], "DNS: name or service not known")


async def test_without_a_name_nothing_is_looked_up() -> None:
    dns = Dns()
    await Names([SPARE], dns.note, 0.001, dns.look_up).watch()
    assert dns.found == []


async def test_the_systems_resolver_is_asked() -> None:
    local = Name("dns+http://localhost:8998", "A", "localhost", 8998, "http://localhost:8998")
    assert ("127.0.0.1", 8998) in await look_up_name(local)


async def test_a_name_that_dns_cannot_have() -> None:
    long = Name("", "A", "a" * 64 + ".example", 8998, "http://a")
    with pytest.raises(LookUpFailed, match="the name is not one that DNS can have"):
        await look_up_name(long)
