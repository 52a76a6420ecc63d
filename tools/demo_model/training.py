"""The stages of the training, each with a file that it writes. A stage whose file exists is not run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from demo_model import decoder, encoder, export, language_model, repertoire, streams, tokenizer, voices


@dataclass(frozen=True)
class Budget:
    """Batches that each part learns from, and the number of streams that the language model draws its batches from."""

    encoder: int = 5_000
    decoder: int = 10_500
    streams: int = 4_000
    language_model: int = 5_000

    def times(self, factor: float) -> "Budget":
        """A budget of `factor` of this one."""
        return Budget(**{name: max(4, round(count * factor)) for name, count in asdict(self).items()})


@contextmanager
def _finished(path: Path) -> Iterator[Path]:
    """A name to write to. The file gets its own name when it is complete."""
    unfinished = path.with_suffix(".unfinished")
    yield unfinished
    unfinished.rename(path)


class Training:
    """One training in the folder `work`, on `device`."""

    def __init__(self, work: Path, budget: Budget, device: torch.device) -> None:
        self._budget = budget
        self._device = device
        self._lines, self._users = work / "lines", work / "users"
        self._encoder, self._decoder = work / "encoder.pt", work / "decoder.pt"
        self._streams, self._language_model = work / "streams.pt", work / "language_model.pt"

    def run(self, output: Path) -> None:
        """Run the stages that are not done, and write the checkpoint to the folder `output`."""
        self.make_voices()
        torch.set_num_threads(1)  # `DataParallel` uses the other cores
        torch.backends.cudnn.allow_tf32 = False  # a code is the nearest of many: a rounded sound may get another
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
            with _finished(result) as unfinished:
                run(unfinished)

    def _repertoire(self, weights: Path) -> repertoire.Repertoire:
        recordings, onsets = voices.read_lines(self._lines), voices.read_onsets(self._lines)
        return repertoire.encode(encoder.load(weights), recordings, onsets, tokenizer.word_ids(tokenizer.train()))

    def _train_encoder(self, result: Path) -> None:
        users = voices.read_users(self._users, held_out=False)
        encoder.train(users, voices.read_lines(self._lines), result, self._budget.encoder, self._device)

    def _train_decoder(self, result: Path) -> None:
        mimi = encoder.load(self._encoder)
        decoder.train(mimi, self._repertoire(self._encoder), result, self._budget.decoder, self._device)

    def _make_streams(self, result: Path) -> None:
        mimi = encoder.load(self._decoder)
        lines = repertoire.as_played(mimi, self._repertoire(self._decoder))
        users = voices.read_users(self._users, held_out=False)
        streams.save(streams.make(mimi, users, lines, self._budget.streams, self._device), result)

    def _train_language_model(self, result: Path) -> None:
        made, lines = streams.load(self._streams), self._repertoire(self._encoder)
        language_model.train(made, lines, result, self._budget.language_model, self._device)
