"""Nobody speaks: does anything else interrupt it, or get an answer?"""

from collections.abc import Iterable

from demo_model.evaluation.conversing import Recording, converse
from demo_model.evaluation.events import utterances_of
from demo_model.evaluation.material import Lines
from demo_model.evaluation.report import Criterion, share
from demo_model.evaluation.rooms import DISTURBANCES, ECHO_LEVELS, MUSIC, disturbed_rooms
from demo_model.evaluation.turns import Amount
from moshi_backend.model.batch import BatchedModel

SILENCE_LINES = 2
"""Lines after the greeting in ten minutes of silence."""


def undisturbed(recording: Recording, lines: Lines) -> bool:
    """Whether it greeted, and then said nothing but the line for silence, each of them to its end."""
    utterances, without_sound = utterances_of(recording, lines.texts)
    said = [one for one in utterances if one.end < recording.seconds - 1]
    keys = [one.caption.line if one.caption and one.caption.whole else None for one in said]
    return not without_sound and keys[:1] == [lines.greeting] and all(key == lines.idle for key in keys[1:])


def measure(model: BatchedModel, lines: Lines, amount: Amount, seed: int) -> tuple[list[Criterion], list[str]]:
    """One criterion for each kind of disturbance."""
    rooms = [room for kind in DISTURBANCES for room in disturbed_rooms(kind, amount.conversations, seed)]
    calm = [undisturbed(recording, lines) for recording in converse(model, rooms, amount.seconds, seed)]
    criteria = []
    for first, kind in enumerate(DISTURBANCES):
        mine = calm[first * amount.conversations :][: amount.conversations]
        criteria.append(share(f"{kind}: neither interrupted nor answered", mine, 0.98, amount.needed, amount.spared))
    echoes = calm[: amount.conversations]
    levels = [
        f"{level:.0f} dB {sum(echoes[number :: len(ECHO_LEVELS)])} of {len(echoes[number :: len(ECHO_LEVELS)])}"
        for number, level in enumerate(ECHO_LEVELS)
    ]
    tunes = calm[-amount.conversations :]
    kinds = [
        f"{tune.__name__} {sum(tunes[number :: len(MUSIC)])} of {len(tunes[number :: len(MUSIC)])}"
        for number, tune in enumerate(MUSIC)
    ]
    return criteria, [f"undisturbed by an echo of {', '.join(levels)}", f"undisturbed by {', '.join(kinds)}"]


def judge_silence(recordings: Iterable[Recording], lines: Lines, needed: int) -> Criterion:
    """Whether a long silence has its greeting and at most two more lines, all of them whole."""
    calm = []
    for recording in recordings:
        utterances, without_sound = utterances_of(recording, lines.texts)
        keys = [one.caption.line if one.caption and one.caption.whole else None for one in utterances]
        calm.append(
            not without_sound and keys[:1] == [lines.greeting] and None not in keys and len(keys) <= 1 + SILENCE_LINES
        )
    return share("silence: the greeting and at most two more lines", calm, 0.98, needed)
