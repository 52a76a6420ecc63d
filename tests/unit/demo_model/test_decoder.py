"""The moments of lines that Mimi's decoder learns from."""

import numpy as np
import pytest
import torch

from demo_model.architecture import CODEBOOKS, CODES, FRAME
from demo_model.decoder import BEFORE, CROP, FADE, Crops, spoken
from demo_model.repertoire import Line, Repertoire
from demo_model.sentences import GREETING
from support.mimi import untrained_mimi

SILENCE = np.zeros(CODEBOOKS, np.int64)


def counting_line(frames: int) -> Line:
    """Codes and samples both say the number of their frame, from 1."""
    numbers = np.arange(1, frames + 1)
    return Line(text=numbers, codes=np.tile(numbers, (CODEBOOKS, 1)), audio=numbers.repeat(FRAME).astype(np.float32))


@pytest.mark.parametrize("seed", range(40))
def test_the_sound_of_a_crop_belongs_to_its_codes(seed: int) -> None:
    lines = {"short": counting_line(9), "long": counting_line(70)}
    codes, begin, sound = Crops(Repertoire(lines, SILENCE)).draw(np.random.default_rng(seed))
    assert codes.shape == (CODEBOOKS, BEFORE[1] + 70 + 2 * CROP)
    assert sound.shape == (CROP * FRAME,)
    ends = np.flatnonzero(codes[0]).max() + 1
    for frame, samples in enumerate(sound.reshape(CROP, FRAME), start=begin):
        if frame == ends:  # an interruption ends a line with a fade
            assert (samples[FADE:] == 0).all()
            assert (np.diff(samples[:FADE]) <= 0).all()
        else:
            assert (samples == codes[0, frame]).all()


def test_crops_of_different_lines_have_one_size() -> None:
    crops = Crops(Repertoire({"short": counting_line(4), "long": counting_line(50)}, SILENCE))
    drawn = [crops.draw(np.random.default_rng(seed)) for seed in range(60)]
    assert len({crop.codes.shape for crop in drawn}) == 1
    assert {crop.codes.max() for crop in drawn} >= {4, 50}


def test_the_greeting_is_drawn_as_often_as_it_should_be() -> None:
    crops = Crops(Repertoire({GREETING: counting_line(49), "other": counting_line(50)}, SILENCE), greeting=3)
    drawn = [crops.draw(np.random.default_rng(seed)) for seed in range(400)]
    whole = [crop.codes.max() for crop in drawn if crop.codes.max() >= 49]
    assert 0.65 < np.mean(np.equal(whole, 49)) < 0.85


def test_a_crop_sounds_as_in_its_line_whatever_comes_after() -> None:
    mimi = untrained_mimi()
    frames = BEFORE[1] + 40
    codes = torch.randint(0, CODES, (2, CODEBOOKS, frames), generator=torch.Generator().manual_seed(1))
    begin = torch.tensor([5, 20])
    with torch.no_grad():
        together = spoken(mimi, codes, begin)
        alone = [spoken(mimi, codes[row : row + 1, :, : begin[row] + CROP], begin[row : row + 1]) for row in (0, 1)]
        whole = mimi.decode(codes)[:, 0]
    assert together.shape == (2, CROP * FRAME)
    torch.testing.assert_close(together, torch.cat(alone))
    # The convolutions of a crop see some frames of the past only; from its middle on, that is nearly all they use.
    for row, first in enumerate(begin.tolist()):
        late = slice((first + CROP // 2) * FRAME, (first + CROP) * FRAME)
        torch.testing.assert_close(together[row, CROP // 2 * FRAME :], whole[row, late], atol=1e-3, rtol=1e-3)
