"""A checkpoint: the files of a model, and their configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

type Kind = Literal["moshi", "personaplex"]


@dataclass(frozen=True)
class Adapters:
    """LoRA adapters: low-rank updates of a model's weights.

    Attributes:
        weights: a safetensors file, as moshi-finetune writes it: two matrices for each adapted layer, and whole
            weights that were trained beside them, such as embeddings.
        scaling: the factor of the updates.
        rank: that the configuration declares, if it does.
    """

    weights: Path
    scaling: float = 2.0
    rank: int | None = None


@dataclass(frozen=True)
class Checkpoint:
    """The files of one model, found and checked once (`locate.find_checkpoint`).

    Attributes:
        kind: `personaplex`: its depformer also predicts the user's codebooks, which is not loaded.
        commit: of the repository on a hub, if it comes from one.
        moshi_weights, mimi_weights: safetensors files.
        tokenizer: a SentencePiece model.
        voices: the archive of voices that a PersonaPlex comes with.
        adapters: to be fused into the weights.
        lm_config: every option of upstream's LMModel. Its `dep_q` counts the depformer steps that are loaded.
        mimi_config: every option of upstream's Mimi.
        lm_gen_config: the sampling that the checkpoint recommends, by upstream's names.
    """

    kind: Kind
    commit: str | None
    moshi_weights: Path
    mimi_weights: Path
    tokenizer: Path
    voices: Path | None
    adapters: Adapters | None
    lm_config: Mapping[str, Any]
    mimi_config: Mapping[str, Any]
    lm_gen_config: Mapping[str, Any]

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return int(self.mimi_config["sample_rate"])

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return float(self.mimi_config["frame_rate"])

    @property
    def frame_size(self) -> int:
        """Samples of a frame."""
        return int(self.sample_rate / self.frame_rate)

    @property
    def codebooks(self) -> int:
        """Codes of a frame that the model predicts or is given, whichever is more."""
        predicted = int(self.lm_config["dep_q"])
        return max(predicted, int(self.lm_config["n_q"]) - predicted)
