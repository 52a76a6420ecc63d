"""English for the texts that people read."""


def counted(number: int, noun: str) -> str:
    """The number and the noun that goes with it: `1 slot`, `2 slots`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
