"""The benchmarks of tools/bench: one module or package for each."""
