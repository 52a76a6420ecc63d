"""One client of `/api/chat`: conversations with Moshi from a terminal, from files, and by the hundred."""

__version__ = "0.1.0"
