"""The one way in which this tool says no."""


class Refused(Exception):
    """Nothing was changed. The message is one line: what was wrong, then what to do."""
