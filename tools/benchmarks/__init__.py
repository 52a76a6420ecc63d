"""What tools/bench runs: one module, or package, for each benchmark."""
