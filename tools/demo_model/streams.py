"""Conversations to learn from: the codes that the microphone hears, and when the user talks in it."""

import pickle
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from moshi.models.compression import MimiModel
from numpy.typing import NDArray

from demo_model import acoustics, dialogue
from demo_model.architecture import FRAME, SAMPLE_RATE, Audio
from demo_model.examples import examples
from demo_model.repertoire import Repertoire
from demo_model.talking import say

SEED = 7
FRAMES = 1_200
"""96 seconds. Two layers of 256 steps look back on 512, so most of a stream has a full past, as a long call has."""
CLEAR = 9.0
"""Decibels by which a talker is louder than steady noise or music. A quieter talker need not be heard."""


@dataclass(frozen=True)
class Conversation:
    voice: NDArray[np.bool_]
    """[FRAMES]: whether the user talks."""
    spoken: list[dialogue.Spoken]
    """The lines of the model."""
    echoed: bool
    """Whether the microphone heard `spoken`. If not, other lines fit this conversation as well."""


@dataclass(frozen=True)
class Scene:
    """A conversation as the microphone hears it."""

    conversation: Conversation
    audio: Audio
    """[FRAMES * FRAME]"""


@dataclass(frozen=True)
class Stream:
    """A conversation as the language model hears it."""

    conversation: Conversation
    heard: NDArray[Any]
    """[codebooks, FRAMES], uint8: the codes of the microphone's sound."""


def _pause(rng: np.random.Generator) -> float:
    """Seconds between two turns of the user: short ones interrupt, long ones let the idle line come."""
    kind = rng.random()
    if kind < 0.35:
        return float(rng.uniform(0.7, 3.0))
    return float(rng.uniform(3.0, 9.0) if kind < 0.8 else rng.uniform(9.0, 25.0))


def _turn(rng: np.random.Generator, clips: list[Audio]) -> list[tuple[Audio, float]]:
    """Clips that follow each other, each with the seconds of silence after it."""
    parts: list[tuple[Audio, float]] = []
    seconds = 0.0
    wanted = rng.uniform(6, 20) if rng.random() < 0.17 else 0.0
    more = int(rng.choice([1, 1, 1, 2, 3]))
    while len(parts) < more or seconds < wanted:
        clip = clips[rng.integers(len(clips))]
        if rng.random() < 0.12:
            clip = clip[: int(rng.uniform(0.3, 1.0) * len(clip))]
        gap = float(rng.uniform(0.0, 0.28)) if rng.random() < 0.7 else 0.0
        parts.append((clip, gap))
        seconds += len(clip) / SAMPLE_RATE + gap
    return parts


def talk(rng: np.random.Generator, clips: list[Audio], level: float) -> tuple[Audio, NDArray[np.bool_]]:
    """A user with the voice of `clips` at `level` dB: the sound [FRAMES * FRAME], and the voice activity [FRAMES]."""
    samples = FRAMES * FRAME
    audio, voice = np.zeros(samples, np.float32), np.zeros(FRAMES, bool)
    first = rng.random()
    speed = acoustics.draw_speed(rng)
    start = int((rng.uniform(0, 1) if first < 0.1 else rng.uniform(1, 14)) * SAMPLE_RATE)
    if first > 0.8:  # nobody
        start = samples
    while start < samples:
        for clip, gap in _turn(rng, clips):
            if start >= samples:
                break
            clip = acoustics.at_speed(clip, speed)
            say(rng, clip, level, start, audio, voice)
            start += len(clip) + int(gap * SAMPLE_RATE)
        start += int(_pause(rng) * SAMPLE_RATE)
    return (acoustics.room(rng, audio) if audio.any() and rng.random() < 0.6 else audio), voice


def _disturb(rng: np.random.Generator, samples: int, level: float) -> Audio:
    """The other sounds beside a voice of `level` dB."""
    kind = str(rng.choice(acoustics.NOISES))
    loud = rng.random() < 0.5
    noise_level = level - CLEAR - (rng.uniform(0, 6) if loud else rng.uniform(6, 50))
    noise = acoustics.noise(rng, samples, kind) * 10 ** (max(-85.0, noise_level) / 20)
    if rng.random() < 0.5:
        noise *= acoustics.swell(rng, samples)
    # A fan is switched on, or the microphone's noise suppression opens.
    audio = acoustics.in_parts(rng, noise) if rng.random() < 0.4 else noise
    if rng.random() < 0.35:
        audio += acoustics.clicks(rng, samples, each_second=rng.uniform(0.2, 8))
    if rng.random() < 0.07:
        audio += acoustics.tones(rng, samples) * 10 ** ((level - CLEAR - rng.uniform(0, 20)) / 20)
    if rng.random() < 0.5:
        music = acoustics.music(rng, samples) * 10 ** ((level - CLEAR - rng.uniform(0, 20)) / 20)
        audio += acoustics.in_parts(rng, music)
    return audio


def draw_scene(users: list[list[Audio]], lines: Repertoire, rng: np.random.Generator) -> Scene:
    """One conversation among disturbances. `users` are the clips of each voice, and `lines` are as they are played."""
    level = rng.uniform(-36, -12)
    audio, voice = talk(rng, users[rng.integers(len(users))], level)
    spoken = dialogue.converse(rng, voice, lines)
    echoed = bool(rng.random() < 0.55)
    if echoed:
        played = dialogue.sound(spoken, FRAMES, FRAME, lines)
        loudness = rng.uniform(-16, -5) if rng.random() < 0.6 else rng.uniform(-40, -16)
        # Headphones come off in a call, and an echo canceller needs a while. So the echo may come and go.
        audio += acoustics.in_parts(rng, acoustics.echo(rng, played) * np.float32(10 ** (loudness / 20)))
    audio = np.clip(audio + _disturb(rng, len(audio), level), -1, 1)
    return Scene(Conversation(voice, spoken, echoed), np.asarray(audio, dtype=np.float32))


@torch.no_grad()
def make(
    mimi: MimiModel, users: list[list[Audio]], lines: Repertoire, count: int, device: torch.device
) -> list[Stream]:
    """`count` streams, which `mimi` encodes on `device`."""
    mimi.to(device)
    made: list[Stream] = []
    for scene in examples(partial(draw_scene, users, lines), SEED, count):
        heard = mimi.encode(torch.tensor(scene.audio, device=device)[None, None])[0]
        made.append(Stream(scene.conversation, heard.cpu().numpy().astype(np.uint8)))
        if len(made) % 50 == 0:
            print(f"streams: {len(made)} of {count}", flush=True)
    return made


def save(made: list[Stream], path: Path) -> None:
    """Write streams to a file."""
    with path.open("wb") as file:
        pickle.dump(made, file)


def load(path: Path) -> list[Stream]:
    """Read a file that `save` wrote. Only read files of your own: they are pickled."""
    with path.open("rb") as file:
        made: list[Stream] = pickle.load(file)
    return made
