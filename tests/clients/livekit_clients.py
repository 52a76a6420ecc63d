"""LiveKit's three classes for Moshi in the sessions of an agent, without a room. Prints what they got, as JSON.

They find the documented `agent` in PYTHONPATH, and the service in OPENAI_BASE_URL, OPENAI_API_KEY and PERSONAPLEX_URL.
"""

import asyncio
import json
import os
import time
from types import SimpleNamespace
from typing import Any

import agent
from livekit import rtc
from livekit.agents import Agent, AgentSession, llm
from livekit.agents.utils import http_context
from livekit.agents.voice import io
from livekit.plugins import openai
from livekit.plugins.nvidia.experimental import realtime as nvidia

SECONDS = 2.0


class Microphone(io.AudioInput):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(label="microphone")

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(0.02)
        return rtc.AudioFrame(bytes([7]) * 1920, sample_rate=48_000, num_channels=1, samples_per_channel=960)


class Speaker(io.AudioOutput):  # type: ignore[misc]
    """Plays nothing. `seconds`: of all that it should play."""

    def __init__(self) -> None:
        super().__init__(label="speaker", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=24_000)
        self.seconds = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self.seconds:
            self.on_playback_started(created_at=time.time())
        self.seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        self.on_playback_finished(playback_position=self.seconds, interrupted=False)

    def clear_buffer(self) -> None:
        pass

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass


class Captions(io.TextOutput):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(label="captions", next_in_chain=None)
        self.text = ""

    async def capture_text(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


class Call(AgentSession):  # type: ignore[misc]
    """A session with a microphone and a speaker in the place of a room."""

    last: "Call"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.errors: list[str] = []
        self.on("error", lambda event: self.errors.append(str(event.error)))
        self.speaker, self.captions = Speaker(), Captions()
        Call.last = self

    async def start(self, agent: Agent, *, room: object = None) -> None:
        self.input.audio, self.output.audio, self.output.transcription = Microphone(), self.speaker, self.captions
        await super().start(agent)

    async def until_heard(self) -> dict[str, Any]:
        while self.speaker.seconds < SECONDS or not self.captions.text:
            if self.errors:
                break
            await asyncio.sleep(0.05)
        await self.aclose()
        return {"seconds": round(self.speaker.seconds, 2), "text": self.captions.text, "errors": self.errors}


async def documented() -> dict[str, Any]:
    agent.AgentSession = Call
    await agent.talk(SimpleNamespace(room=None))
    return await Call.last.until_heard()


async def with_model(model: llm.RealtimeModel) -> dict[str, Any]:
    call = Call(llm=model)
    await call.start(Agent(instructions="You are kind."))
    return await call.until_heard()


async def main() -> None:
    address = {"base_url": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
    async with http_context.open(), asyncio.timeout(60):
        got = {
            "live": await documented(),
            "realtime": await with_model(openai.realtime.RealtimeModel(**address)),
            "personaplex": await with_model(nvidia.RealtimeModel(voice="NATF0")),
        }
    print(json.dumps(got))


asyncio.run(main())
