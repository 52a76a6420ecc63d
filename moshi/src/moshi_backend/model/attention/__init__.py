"""Attention of one step over the rings of keys and values.

An `Attention` has two calls. `begin(lengths, active, time)` runs once for a step and computes what all layers share.
The `attend(ring, projected)` that it returns runs once for each layer.
"""
