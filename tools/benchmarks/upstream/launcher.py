"""Runs upstream's own server, as it is, on a CPU: this file's arguments are its arguments.

Two things of it assume a GPU and are given from outside, because its code is to stay untouched.
"""

import argparse
import runpy

import torch


def main() -> None:
    """Serve until stopped."""
    # It waits for the GPU after its warm-up, which without one is an error.
    torch.cuda.synchronize = lambda device=None: None
    # The default of our server for a small model on a CPU.
    torch.set_num_threads(1)
    argparse.ArgumentParser.parse_args = _in_float32  # type: ignore[method-assign, assignment]
    runpy.run_module("moshi.server", run_name="__main__", alter_sys=True)


_parse_args = argparse.ArgumentParser.parse_args


def _in_float32(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Its command line knows bfloat16 and float16 only, both slow on a CPU; our server takes float32 there."""
    options = _parse_args(parser)
    options.dtype = torch.float32
    return options


if __name__ == "__main__":
    main()
