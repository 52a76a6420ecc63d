"""OpenAI's agents for Python. Prints what they got, as JSON."""

import asyncio
import json
import os
from typing import Any

from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession

CHUNKS = 25
"""Of audio that it waits for, each of 80 ms."""


async def speak(session: RealtimeSession) -> None:
    while True:
        await session.send_audio(bytes([7]) * 4800)
        await asyncio.sleep(0.1)


async def main() -> None:
    runner = RealtimeRunner(RealtimeAgent(name="Moshi", instructions="You are kind."))
    url = os.environ["OPENAI_BASE_URL"].replace("http", "ws", 1)
    got: dict[str, Any] = {"audio": 0, "text": 0, "errors": []}
    async with asyncio.timeout(60), await runner.run(model_config={"url": f"{url}/realtime"}) as session:
        speaking = asyncio.create_task(speak(session))
        async for event in session:
            match event.type:
                case "audio":
                    got["audio"] += 1
                case "error":
                    got["errors"].append(str(event.error))
                case "raw_model_event":
                    got["text"] += event.data.type == "transcript_delta"
            if got["audio"] >= CHUNKS:
                break
        speaking.cancel()
    print(json.dumps(got))


asyncio.run(main())
