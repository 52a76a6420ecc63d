"""Kernels of our own for NVIDIA GPUs, written in Triton and compiled ahead of time.

`sources` are the kernels, `specs` their parameters. `make kernels` compiles them into `compiled/`; a service only loads
these files, so it needs neither Triton nor a C compiler. `operations` calls them for tensors.
"""
