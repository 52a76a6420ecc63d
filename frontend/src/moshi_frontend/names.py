"""Looks up the replicas of moshi in DNS, again and again."""

import asyncio
import logging
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from moshi_frontend.discovery import Name, Source
from moshi_frontend.endpoint import Endpoint
from moshi_frontend.errors import moshi as errors
from moshi_service.errors import Problem, ProblemError

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""For an answer with SRV records. The system's own resolver has time limits of its own."""

SPREAD = (0.8, 1.2)
"""Factors on the time between look-ups, so that frontends do not ask together."""

type LookUp = Callable[[Name], Awaitable[Iterable[tuple[str, int]]]]
"""Addresses and ports of a name. Raises LookUpFailed."""


class LookUpFailed(ProblemError):
    """DNS does not answer, or does not know the name; the message says which."""


class Names:
    """
    Args:
        sources: names to look up, and endpoints that stay.
        found: is told the endpoints of all sources when they change, with the reason if there are none.
        seconds: between two look-ups.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        found: Callable[[Sequence[Endpoint], Problem | None], None],
        seconds: float,
        look_up: LookUp | None = None,
    ) -> None:
        self._known: dict[Source, tuple[Endpoint, ...]] = {
            source: () if isinstance(source, Name) else (source,) for source in sources
        }
        self._found = found
        self._seconds = seconds
        self._look_up = look_up or look_up_name
        self._problems: dict[Name, Problem] = {}

    async def watch(self) -> None:
        """Until cancelled. Returns at once if there is no name."""
        while names := [source for source in self._known if isinstance(source, Name)]:
            await asyncio.gather(*map(self._ask, names))
            why = next(iter(self._problems.values()), None)
            self._found([endpoint for endpoints in self._known.values() for endpoint in endpoints], why)
            await asyncio.sleep(self._seconds * random.uniform(*SPREAD))

    async def _ask(self, name: Name) -> None:
        """Keeps the last known addresses if there is no answer, or an empty one: DNS itself may be down."""
        try:
            addresses = sorted(set(await self._look_up(name)))
            if not addresses:
                raise LookUpFailed(errors.dns_has_no_address())
        except LookUpFailed as failure:
            self._keep(name, failure.problem)
        except Exception as error:  # one that nobody foresaw must not end `watch`
            self._keep(name, errors.unexpected_answer(type(error).__name__))
        else:
            self._replace(name, tuple(Endpoint(name.url, address) for address in addresses))

    def _replace(self, name: Name, endpoints: tuple[Endpoint, ...]) -> None:
        self._problems.pop(name, None)
        if (before := self._known[name]) != endpoints:
            gone = len(set(before) - set(endpoints))
            new = len(set(endpoints) - set(before))
            log.info("%s has %d addresses: %d new, %d gone", name, len(endpoints), new, gone)
            self._known[name] = endpoints

    def _keep(self, name: Name, problem: Problem) -> None:
        """The addresses stay. Each problem is logged once."""
        if problem != self._problems.get(name):
            log.warning(errors.look_up_failed(name, problem, len(self._known[name])))
        self._problems[name] = problem


async def look_up_name(name: Name) -> set[tuple[str, int]]:
    """
    Raises:
        LookUpFailed: DNS does not answer, or does not know the name.
    """
    if name.record == "A":
        return await _addresses(name.query, name.port)
    return await _services(name.query)


async def _services(query: str) -> set[tuple[str, int]]:
    """The addresses behind the SRV records with the best priority. Weights are ignored: the load decides."""
    try:
        answer = await dns.asyncresolver.resolve(query, "SRV", lifetime=ANSWER_SECONDS, search=True)
    except dns.exception.DNSException as error:
        raise LookUpFailed(errors.dns_failed(str(error).partition("\n")[0])) from None
    best = min(record.priority for record in answer)
    given: dict[str, set[str]] = {}  # servers such as Consul add the addresses
    for extra in answer.response.additional:
        if extra.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            given.setdefault(extra.name.to_text(), set()).update(record.address for record in extra)
    found: set[tuple[str, int]] = set()
    for record in answer:
        target = record.target.to_text()
        if record.priority != best or target == ".":
            continue
        if known := given.get(target):
            found |= {(address, record.port) for address in known}
        else:
            with suppress(LookUpFailed):  # of one host that the others do not depend on
                found |= await _addresses(target, record.port)
    return found


async def _addresses(host: str, port: int) -> set[tuple[str, int]]:
    """By the system's resolver, with /etc/hosts and the search list.

    In a daemon thread: a thread of an executor would hold up the end of the process while DNS does not answer.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[set[tuple[str, int]]] = loop.create_future()

    def finish(found: set[tuple[str, int]], error: LookUpFailed | None) -> None:
        if not answer.done():
            answer.set_exception(error) if error else answer.set_result(found)

    def ask() -> None:
        found: set[tuple[str, int]] = set()
        failure = None
        try:
            for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                found.add((str(address[0]), port))
        except OSError as error:
            failure = LookUpFailed(errors.dns_failed((error.strerror or str(error)).lower()))
        except UnicodeError:  # of a label that is too long
            failure = LookUpFailed(errors.dns_name_impossible())
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(finish, found, failure)

    threading.Thread(target=ask, name="dns", daemon=True).start()
    return await answer
