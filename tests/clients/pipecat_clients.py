"""Pipecat's two services behind the documented telephone, called as Twilio calls it. Prints what they got, as JSON.

They find the documented `telephone` in PYTHONPATH, and the service in OPENAI_BASE_URL and OPENAI_API_KEY.
"""

import asyncio
import base64
import functools
import json
import os
import socket
from typing import Any

import telephone
import uvicorn
from loguru import logger
from pipecat.frames.frames import LLMTextFrame
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.worker import PipelineWorker
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from websockets.asyncio.client import ClientConnection, connect

SECONDS = 2.0
RATE = 8000
G711 = base64.b64encode(bytes([200]) * 160).decode()  # 20 ms


class Words(BaseObserver):  # type: ignore[misc]
    """Collects the model's words, which a telephone does not show."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self._last = -1

    async def on_push_frame(self, data: FramePushed) -> None:
        if isinstance(data.frame, LLMTextFrame) and data.frame.id != self._last:  # it passes several processors
            self.text += data.frame.text
            self._last = data.frame.id


async def speak(twilio: ClientConnection) -> None:
    while True:
        await twilio.send(json.dumps({"event": "media", "media": {"payload": G711}}))
        await asyncio.sleep(0.02)


async def called(port: int) -> float:
    """The seconds that a caller hears."""
    heard = 0.0
    async with connect(f"ws://127.0.0.1:{port}/twilio") as twilio:
        await twilio.send(json.dumps({"event": "connected"}))
        await twilio.send(json.dumps({"event": "start", "start": {"streamSid": "MZ1"}}))
        speaking = asyncio.create_task(speak(twilio))
        async for message in twilio:
            event = json.loads(message)
            assert event["streamSid"] == "MZ1"
            heard += len(base64.b64decode(event["media"]["payload"])) / RATE
            if heard >= SECONDS:
                break
        speaking.cancel()
    return heard


def realtime() -> OpenAIRealtimeLLMService:
    url = os.environ["OPENAI_BASE_URL"].replace("http", "ws", 1)
    return OpenAIRealtimeLLMService(api_key=os.environ["OPENAI_API_KEY"], base_url=f"{url}/realtime")


async def main() -> None:
    errors: list[str] = []
    logger.remove()
    logger.add(lambda message: errors.append(str(message)), level="ERROR")
    with socket.create_server(("127.0.0.1", 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(telephone.app, log_level="warning"))
        serving = asyncio.create_task(server.serve([bound]))
        port = bound.getsockname()[1]
        got: dict[str, Any] = {}
        async with asyncio.timeout(60):
            for name, service in (("live", telephone.moshi), ("realtime", realtime)):
                words = Words()
                telephone.moshi = service
                telephone.PipelineWorker = functools.partial(PipelineWorker, observers=[words])
                got[name] = {"seconds": await called(port), "text": words.text}
            server.should_exit = True
            await serving
    print(json.dumps(got | {"errors": errors}))


asyncio.run(main())
