"""The memory of a step on a CPU. A process of its own counts it: memory that was freed before changes the behaviour."""

import subprocess
import sys

STEPS = 20
PROGRAM = f"""
import resource
import numpy as np, torch
from moshi_backend.checkpoint.locate import find_checkpoint
from moshi_backend.model.batch import BatchedModel

model = BatchedModel(find_checkpoint("demo", None), 16, torch.device("cpu"), torch.float32)
frames = dict.fromkeys(range(model.slots), np.zeros(model.frame_size, np.float32))
for slot in frames:
    model.join(slot, model.sampling)
for step in range({5 + STEPS}):
    if step == 5:
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    model.step(frames)
print(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
"""


def test_a_step_reuses_the_memory_that_the_step_before_has_freed() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20 * STEPS, "each step takes new pages, of which it needs hundreds"
