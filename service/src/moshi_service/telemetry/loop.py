"""Measures how long the event loop keeps its callbacks waiting."""

import asyncio
import time

from opentelemetry.metrics import Histogram

EVERY_SECONDS = 0.25


async def watch(lag: Histogram) -> None:
    """Record the delay of a timer, in seconds, until cancelled."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(EVERY_SECONDS)
        lag.record(max(0.0, time.monotonic() - began - EVERY_SECONDS))
