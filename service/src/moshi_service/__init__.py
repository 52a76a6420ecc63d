"""The parts that both services share. It imports neither of them."""
