"""How a prompt is laid out."""

import numpy as np

from moshi_backend.model.prompt import Prompt, PromptStart
from moshi_backend.model.tokens import NO_TOKEN
from support.personas import PATTERN


def test_frames_stand_where_their_delays_put_them() -> None:
    frames = np.array([[1, 2, 3, 4, 5], [11, 12, 13, 14, 15]])
    laid = PATTERN.lay_out(PATTERN.initial(), frames)
    assert laid.tolist() == [
        [90, 80, 80, 80, 80],
        [1, 2, 80, 4, 80],
        [11, 12, 3, 14, 5],
        [NO_TOKEN, NO_TOKEN, 13, NO_TOKEN, 15],
    ]
    prompt = Prompt.of(PATTERN, PromptStart(PATTERN.initial()), None, [], [frames])
    assert (prompt.complete, prompt.steps, prompt.shared) == (3, 2, 0)
