"""The stages of the training, each with a file that it writes. A stage whose file exists is not run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from moshi.models.compression import MimiModel

from demo_model import decoder, encoder, export, language_model, repertoire, streams, tokenizer, voices
from demo_model.architecture import new_mimi

SCENES_SEED = 7


@dataclass(frozen=True)
class Budget:
    """CPU seconds of each part, and the number of streams that the language model learns from."""

    encoder: float = 1_300
    decoder: float = 2_200
    language_model: float = 3_200
    streams: float = 700

    def times(self, factor: float) -> "Budget":
        """A budget of `factor` of this one."""
        return Budget(**{name: seconds * factor for name, seconds in asdict(self).items()})


@contextmanager
def _finished(path: Path) -> Iterator[Path]:
    """A name to write to. The file gets its own name when it is complete."""
    unfinished = path.with_suffix(".unfinished")
    yield unfinished
    unfinished.rename(path)


class Training:
    """One training in the folder `work`."""

    def __init__(self, work: Path, budget: Budget) -> None:
        self._budget = budget
        self._lines, self._users = work / "lines", work / "users"
        self._encoder, self._decoder = work / "encoder.pt", work / "decoder.pt"
        self._scenes, self._streams = work / "scenes", work / "streams.pt"
        self._language_model = work / "language_model.pt"

    def run(self, output: Path) -> None:
        """Run the stages that are not done, and write the checkpoint to the folder `output`."""
        self.make_voices()
        with self._beside(self._scenes, self._make_scenes):
            self._stage(self._encoder, self._train_encoder)
        self._stage(self._streams, self._make_streams)
        # The codes are fixed from here on, so the codec's speech and the language model are learned side by side.
        with self._beside(self._decoder, self._train_decoder):
            self._stage(self._language_model, self._train_language_model)
        export.export(self._decoder, self._language_model, tokenizer.train(), output)

    def make_voices(self) -> None:
        """Record the lines and the users, unless that is done."""
        for folder, make in ((self._lines, voices.make_lines), (self._users, voices.make_users)):
            if not folder.exists():
                print(f"{folder.name}: recording", flush=True)
                with _finished(folder) as unfinished:
                    make(unfinished)

    def _stage(self, result: Path, run: Callable[[Path], None]) -> None:
        if not result.exists():
            torch.set_num_threads(1)  # the matrices are too small for more
            with _finished(result) as unfinished:
                run(unfinished)

    @contextmanager
    def _beside(self, result: Path, run: Callable[[Path], None]) -> Iterator[None]:
        """Run a stage in a process of its own, and wait for it at the end."""
        process = get_context("spawn").Process(target=self._stage, args=(result, run))
        process.start()
        try:
            yield
        except BaseException:
            process.terminate()
            raise
        process.join()
        if process.exitcode:
            raise RuntimeError(f"the stage that writes {result} failed; its error stands above")

    def _repertoire(self, mimi: MimiModel) -> repertoire.Repertoire:
        recordings, onsets = voices.read_lines(self._lines), voices.read_onsets(self._lines)
        return repertoire.encode(mimi, recordings, onsets, tokenizer.word_ids(tokenizer.train()))

    def _train_encoder(self, result: Path) -> None:
        users = voices.read_users(self._users, held_out=False)
        encoder.train(users, voices.read_lines(self._lines), result, self._budget.encoder)

    def _train_decoder(self, result: Path) -> None:
        mimi = encoder.load(self._encoder)
        decoder.train(mimi, self._repertoire(mimi), result, self._budget.decoder)

    def _make_scenes(self, result: Path) -> None:
        users = voices.read_users(self._users, held_out=False)
        lines = self._repertoire(new_mimi())
        result.mkdir(exist_ok=True)
        wanted = max(4, round(self._budget.streams))
        for number in range(wanted):
            streams.save(streams.draw(np.random.default_rng([SCENES_SEED, number]), users, lines), result / str(number))
            if number % 50 == 49:
                print(f"scenes: {number + 1} of {wanted}", flush=True)

    def _make_streams(self, result: Path) -> None:
        with get_context("spawn").Pool(2) as pool:
            scenes = sorted(self._scenes.iterdir(), key=lambda file: int(file.name))
            streams.save(pool.map(partial(_listened, self._encoder), scenes), result)

    def _train_language_model(self, result: Path) -> None:
        lines = self._repertoire(encoder.load(self._encoder))
        language_model.train(streams.load(self._streams), lines, result, self._budget.language_model)


def _listened(weights: Path, scene: Path) -> streams.Stream:
    torch.set_num_threads(1)
    return streams.listen(encoder.load(weights), streams.load(scene))
