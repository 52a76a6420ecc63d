"""The stages of the training, each with a file that it writes. A stage whose file exists is not run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from demo_model import decoder, encoder, export, language_model, repertoire, streams, tokenizer, voices

PROCESSES = 2
"""That make streams side by side."""


@dataclass(frozen=True)
class Budget:
    """CPU seconds of each part, and the number of streams that the language model learns from."""

    encoder: float = 1_300
    decoder: float = 2_200
    language_model: float = 10_700
    streams: float = 1_400

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
        self._streams, self._language_model = work / "streams.pt", work / "language_model.pt"

    def run(self, output: Path) -> None:
        """Run the stages that are not done, and write the checkpoint to the folder `output`."""
        self.make_voices()
        self._stage(self._encoder, self._train_encoder)
        self._stage(self._decoder, self._train_decoder)
        self._stage(self._streams, self._make_streams)
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

    def _repertoire(self, weights: Path) -> repertoire.Repertoire:
        recordings, onsets = voices.read_lines(self._lines), voices.read_onsets(self._lines)
        return repertoire.encode(encoder.load(weights), recordings, onsets, tokenizer.word_ids(tokenizer.train()))

    def _train_encoder(self, result: Path) -> None:
        users = voices.read_users(self._users, held_out=False)
        encoder.train(users, voices.read_lines(self._lines), result, self._budget.encoder)

    def _train_decoder(self, result: Path) -> None:
        decoder.train(encoder.load(self._encoder), self._repertoire(self._encoder), result, self._budget.decoder)

    def _make_streams(self, result: Path) -> None:
        wanted = max(4, round(self._budget.streams))
        made = []
        with get_context("spawn").Pool(PROCESSES, self._prepare_streams) as pool:
            for stream in pool.imap(_stream, range(wanted)):
                made.append(stream)
                if len(made) % 50 == 0:
                    print(f"streams: {len(made)} of {wanted}", flush=True)
        streams.save(made, result)

    def _prepare_streams(self) -> None:
        """Read what `_stream` needs, once in each process."""
        global _maker
        torch.set_num_threads(1)
        mimi = encoder.load(self._decoder)
        lines = repertoire.as_played(mimi, self._repertoire(self._decoder))
        _maker = streams.Maker(mimi, voices.read_users(self._users, held_out=False), lines)

    def _train_language_model(self, result: Path) -> None:
        lines = self._repertoire(self._encoder)
        language_model.train(streams.load(self._streams), lines, result, self._budget.language_model)


_maker: streams.Maker
"""Of this process."""


def _stream(number: int) -> streams.Stream:
    return _maker.make(number)
