"""Write a random checkpoint in PersonaPlex's shape, made from the tests' random model.

usage: python tools/personaplex_checkpoint.py FOLDER

Upstream's file names, a configuration that names no file, a depformer of 16 steps whose attention is packed as older
versions saved it, and `voices.tgz` with saved prompts: what the real one has, so that every line that loads and prompts
it runs without it. Like the random model, it talks nonsense.
"""

import io
import json
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import torch
from moshi.models import LMModel, MimiModel
from moshi.models.loaders import MIMI_NAME, MOSHI_NAME, TEXT_TOKENIZER_NAME, get_mimi, get_moshi_lm
from safetensors.torch import save_file
from torch import Tensor

SEED = 8
RANDOM_MODEL = Path(__file__).parents[1] / "tests" / "fixtures" / "random_model"
VOICES = ("NATF0", "NATM0", "VARF0")
FRAMES = 50
PAD = 3
SPAN = 4
"""Positions in the ring of tokens of PersonaPlex's own server: its longest delay and three more."""


def config() -> dict[str, object]:
    """The random model's, without the names of the model's files."""
    content: dict[str, object] = json.loads((RANDOM_MODEL / "config.json").read_text())
    for name in ("moshi_name", "mimi_name", "tokenizer_name", "lm_gen_config"):
        del content[name]
    return content | {"model_type": "personaplex"}


@torch.no_grad()
def full_model(kwargs: dict[str, object]) -> LMModel:
    """With all 16 steps: the random model's weights, and new ones where it has none."""
    torch.manual_seed(SEED)
    lm = get_moshi_lm(None, kwargs | {"dep_q": kwargs["n_q"]}, "cpu", torch.float32)
    base = get_moshi_lm(RANDOM_MODEL / MOSHI_NAME, kwargs, "cpu", torch.float32)
    lm.load_state_dict(base.state_dict(), strict=False)
    for embedding in lm.depformer_emb[base.dep_q - 1 :]:
        embedding.weight.normal_(std=1.0)
    return lm


def packed(lm: LMModel) -> dict[str, Tensor]:
    """The weights as older versions of Moshi saved them: the attention of all steps in one."""
    state = {}
    for name, weight in lm.state_dict().items():
        base, _, rest = name.partition("_projs.")
        if not rest:
            state[name] = weight.contiguous()
        elif rest.startswith("0."):
            steps = [value for key, value in lm.state_dict().items() if key.startswith(f"{base}_projs.")]
            state[base + ("_proj_weight" if base.endswith(".in") else "_proj.weight")] = torch.cat(steps)
    return state


def voice(lm: LMModel, mimi: MimiModel, seed: int) -> dict[str, Tensor]:
    """A saved prompt, as PersonaPlex's own server leaves it after noise that it takes for a voice.

    Returns:
        `embeddings` [positions, 1, 1, width], `cache` [1, streams, SPAN].
    """
    generator = np.random.default_rng(seed)
    level = np.abs(np.sin(np.arange(FRAMES) * generator.uniform(0.2, 1.0)))[:, None] * 0.4
    noise = (generator.standard_normal((FRAMES, mimi.frame_size)) * level).astype(np.float32).ravel()
    says = mimi.encode(torch.from_numpy(noise)[None, None])[0].t()
    hears = mimi.encode(torch.sin(torch.arange(noise.size) * 0.115)[None, None] * 0.3)[0].t()
    frames = torch.cat((torch.full((FRAMES, 1), PAD), says, hears), dim=1)
    return saved(lm, frames)


def saved(lm: LMModel, frames: Tensor) -> dict[str, Tensor]:
    """The prompt that `frames`, [frames, streams], leave behind."""
    positions = torch.zeros(len(frames) + 1, frames.shape[1], dtype=torch.long)
    for stream, delay in enumerate(lm.delays):
        positions[delay : delay + len(frames), stream] = frames[: len(positions) - delay, stream]
        positions[: delay + 1, stream] = lm.initial_token_id if stream else lm.text_initial_token_id
    embeddings = [
        sum((lm.emb[stream](row[stream + 1]) for stream in range(lm.n_q)), lm.text_emb(row[0]))
        for row in positions[: len(frames) - 1]
    ]
    cache = torch.full((1, frames.shape[1], SPAN), -2)
    for position in range(len(positions) - SPAN, len(positions)):
        cache[0, :, position % SPAN] = positions[position]
    return {"embeddings": torch.stack(embeddings)[:, None, None], "cache": cache}


@torch.no_grad()
def make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = config()
    lm = full_model({name: value for name, value in content.items() if name not in ("model_type", "mimi_config_name")})
    mimi = get_mimi(RANDOM_MODEL / "mimi.safetensors", json.loads((RANDOM_MODEL / "mimi.json").read_text()))
    (folder / "config.json").write_text(json.dumps(content, indent=2) + "\n")
    save_file(packed(lm), folder / MOSHI_NAME)
    for source, name in (("mimi.safetensors", MIMI_NAME), ("mimi.json",) * 2, ("tokenizer.model", TEXT_TOKENIZER_NAME)):
        shutil.copyfile(RANDOM_MODEL / source, folder / name)
    with tarfile.open(folder / "voices.tgz", "w:gz") as archive:
        for seed, name in enumerate(VOICES):
            data = io.BytesIO()
            torch.save(voice(lm, mimi, seed), data)
            entry = tarfile.TarInfo(f"voices/{name}.pt")
            entry.size = data.tell()
            data.seek(0)
            archive.addfile(entry, data)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    make(Path(sys.argv[1]))
