"""Moshi as a batch of rows, each one conversation's share of the model's state.

`batch` is what the engine holds. It feeds `tick`, which is one 80 ms step for many rows: `codec` (Mimi's convolutions,
transformers and quantizer), `language` (the temporal transformer and the depformer) and `sampling`. The modules and
weights are upstream's; the step over them is ours, because upstream's cannot force tokens, cannot sample each row its
own way, and spends most of a small model's time around the operations instead of in them.
"""
