"""People among the users in training: words and short sentences that volunteers recorded for two games.

The voices of synthesizers are too few and too clean. An encoder that knew no others missed a third of the frames of
some people in noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import sphn

from demo_model.architecture import SAMPLE_RATE, Audio
from demo_model.debian import install
from demo_model.resampling import resampled

SHORTEST, LONGEST = 0.7, 6.0
"""Seconds of a clip."""
MOST = 60
"""Clips of each speaker."""


@dataclass(frozen=True)
class Game:
    """A game whose names of things are spoken, in each language by somebody else.

    Attributes:
        package: of Debian.
        pattern: of the files of a language in `folder`.
        languages: without those whose recordings rumble or hiss.
    """

    package: str
    folder: Path
    pattern: str
    languages: tuple[str, ...]


GAMES = (
    Game(
        "tuxpaint-stamps-default",
        Path("/usr/share/tuxpaint/stamps"),
        "**/*_desc_{}.ogg",
        ("be", "bg", "ca", "el", "es", "fr", "ro", "ru"),
    ),
    Game(
        "ktuberling-data",
        Path("/usr/share/ktuberling/sounds"),
        "{}/*.*",
        ("ca", "de", "el", "en", "fr", "lt", "ru", "sl", "uk", "wa"),
    ),
)


def decoded(file: Path) -> Audio:
    """The sound of a file, mixed to one channel, at `SAMPLE_RATE`."""
    channels, rate = sphn.read(str(file))
    return resampled(channels.mean(0), rate, SAMPLE_RATE)


def _clips(files: list[Path]) -> Iterator[Audio]:
    """The recordings that differ from those before and are neither too short nor too long."""
    known: set[bytes] = set()
    for file in files:
        content = file.read_bytes()
        if content in known:
            continue
        audio = decoded(file)
        if SHORTEST <= len(audio) / SAMPLE_RATE <= LONGEST:
            known.add(content)
            yield audio


def read() -> dict[str, list[Audio]]:
    """The clips of each speaker.

    Raises:
        SystemExit: the packages are not there and cannot be installed.
    """
    users: dict[str, list[Audio]] = {}
    for game in GAMES:
        if not install(game.folder, [game.package]):
            raise SystemExit(
                f"tools/train_demo: the recordings in {game.folder} are missing, from which the demo learns how people "
                f"sound; install Debian's package {game.package} (sudo apt-get install {game.package}) and start again"
            )
        for language in game.languages:
            files = sorted(game.folder.glob(game.pattern.format(language)))
            users[f"{game.package.split('-')[0]}-{language}"] = list(islice(_clips(files), MOST))
    return users
