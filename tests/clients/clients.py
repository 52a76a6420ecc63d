"""The clients of OpenAI's package for Python, each with a URL and a key only. Prints what they got, as JSON.

python clients.py https://localhost:8998/v1 KEY
"""

import asyncio
import base64
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from openai import AsyncOpenAI

SPEECH = base64.b64encode(bytes([7]) * 4800).decode()  # 100 ms
FRAMES = 25  # 2 s


async def feed(send: Callable[[], Awaitable[Any]]) -> None:
    while True:
        await send()
        await asyncio.sleep(0.1)


async def live(client: AsyncOpenAI) -> dict[str, Any]:
    got: dict[str, Any] = {"audio": 0, "text": 0, "errors": []}
    async with client.live.connect() as connection:
        await connection.send({"type": "session.start", "session": {"model": "gpt-live-1"}})
        feeding = asyncio.create_task(
            feed(lambda: connection.send({"type": "session.input_audio.append", "audio": SPEECH}))
        )
        async for event in connection:
            got["audio"] += event.type == "session.output_audio.delta"
            got["text"] += event.type == "session.output_transcript.delta"
            if event.type == "error":
                got["errors"].append(event.error.message)
            if got["audio"] == FRAMES and not feeding.cancelled():
                feeding.cancel()
                await connection.send({"type": "session.close"})
                got["audio"] += 1
            if event.type == "session.closed":
                return got | {"reason": event.reason}
    return got


async def realtime(client: AsyncOpenAI) -> dict[str, Any]:
    got: dict[str, Any] = {"audio": 0, "text": 0, "errors": []}
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "instructions": "Be kind."})
        feeding = asyncio.create_task(feed(lambda: connection.input_audio_buffer.append(audio=SPEECH)))
        async for event in connection:
            got["audio"] += event.type == "response.output_audio.delta"
            got["text"] += event.type == "response.output_audio_transcript.delta"
            if event.type == "error":
                got["errors"].append(event.error.message)
            if got["audio"] == FRAMES:
                break
        feeding.cancel()
    return got


async def main(url: str, key: str) -> None:
    client = AsyncOpenAI(base_url=url, api_key=key)
    models = [model.id async for model in client.models.list()]
    first, second = await asyncio.gather(live(client), realtime(client))
    print(json.dumps({"models": models, "live": first, "realtime": second}))


asyncio.run(main(*sys.argv[1:]))
