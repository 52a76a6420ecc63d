"""Moshi in memory, as a batch of slots: each holds one conversation's share of the model's state.

`batch` is what the engine holds. It runs `step`, one frame (80 ms) for many slots: `codec` (Mimi's convolutions,
transformers and quantizer), `language_model` (the temporal transformer and the `depformer`) and `sampling`. The modules
and weights are upstream's. The step over them is ours, because upstream's cannot force tokens, cannot sample each slot
its own way, and spends most of a small model's time around the operations instead of in them.
"""
