"""How long the event loop keeps others waiting."""

import asyncio
import time

from moshi_frontend.telemetry import metrics

EVERY_SECONDS = 0.25


async def watch() -> None:
    """Until cancelled."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(EVERY_SECONDS)
        metrics.LOOP_LAG.record(max(0.0, time.monotonic() - began - EVERY_SECONDS))
