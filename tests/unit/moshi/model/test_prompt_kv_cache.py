"""The prompt KV cache."""

from types import SimpleNamespace

import torch

from moshi_backend.model.prefill import PromptKVCache, size


def test_remembered_voices_are_bounded_and_the_longest_unused_goes_first() -> None:
    memory = PromptKVCache(3 * 400)
    past = torch.zeros(100)
    for name in ("a", "b", "c"):
        memory.put(name, (past.clone(),))
    assert memory.get("a") is not None
    memory.put("d", (past.clone(),))
    assert ["a" in memory, "b" in memory, "c" in memory, "d" in memory] == [True, False, True, True]
    assert memory.bytes == 1200
    memory.put("large", (torch.zeros(300), torch.zeros(1)))
    assert "large" not in memory
    assert memory.bytes == 1200
    forgetful = PromptKVCache(0)
    forgetful.put("a", (past,))
    assert forgetful.get("a") is None


def test_pinned_memory_counts_as_pytorch_takes_it() -> None:
    """In powers of two. Only a machine with a GPU can pin memory, so the parts are stand-ins."""
    parts = [SimpleNamespace(nbytes=nbytes, is_pinned=lambda: True) for nbytes in (1024, 1025)]
    assert size(parts) == 1024 + 2048  # type: ignore[arg-type]
    assert size((torch.zeros(100),)) == 400
