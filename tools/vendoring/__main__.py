"""`python tools/vendoring COMMAND`: what the wrappers run."""

import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - runs before the environment that has the right Python
    print("update_moshi: needs Python 3.11 or newer, this is {}.{}".format(*sys.version_info[:2]), file=sys.stderr)
    sys.exit(3)

# In place of this folder itself: its files are modules of the package, not of the world.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from vendoring.cli import main  # noqa: E402

sys.exit(main())
