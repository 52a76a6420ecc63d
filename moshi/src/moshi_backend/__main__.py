"""`python -m moshi_backend`, the same as `moshi-backend`."""

from moshi_backend.cli import main

if __name__ == "__main__":
    main()
